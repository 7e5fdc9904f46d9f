"""Generated from protos/ by `make stubs`; not to be edited."""
