"""Run exported models: ONNX Runtime, batching, a gRPC server and client, feature tables. No torch.

ONNX Runtime reads whether it may send telemetry when it is imported, so it is told here, before any module can do that.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # from 1.29 on it is on by default
