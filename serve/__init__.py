"""Run exported models: ONNX Runtime, batching, a gRPC server and client, feature tables. No torch."""
