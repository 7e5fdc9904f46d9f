"""What is spoken: symae.v1, the Open Inference Protocol, health and reflection, over gRPC, on an address."""
