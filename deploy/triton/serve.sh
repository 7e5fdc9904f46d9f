#!/usr/bin/env bash
# Serve a model repository by a real Triton out of a Python environment, on the CPU, without containers:
#
#   python -m venv triton && triton/bin/pip install nvidia-pytriton onnxruntime
#   deploy/triton/serve.sh triton/bin/python models/ --grpc-port 8001 --http-port 8000 --metrics-port 8002
#
# The wheel of nvidia-pytriton has Triton and its Python backend, not its ONNX Runtime backend; the folder onnxruntime
# beside this file stands in for it. What follows the repository goes to tritonserver as it is.
set -euo pipefail
python=$1 repository=$2
shift 2

here=$(cd "$(dirname "$0")" && pwd)
read -r site version libraries < <("$python" -c '
import sys, sysconfig
print(sysconfig.get_path("purelib"), "%d.%d" % sys.version_info[:2], sysconfig.get_config_var("LIBDIR"))')
triton=$site/pytriton/tritonserver
[ -x "$triton/bin/tritonserver" ] || { echo "no nvidia-pytriton in $python: pip install nvidia-pytriton onnxruntime" >&2; exit 2; }

backends=$(mktemp -d)
trap 'rm -rf "$backends"' EXIT
cp -r "$triton/backends/python" "$here/onnxruntime" "$backends/"
cp "$triton/python_backend_stubs/$version/triton_python_backend_stub" "$backends/python/"
export LD_LIBRARY_PATH=$site/nvidia_pytriton.libs:$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export PYTHONPATH=$site PATH=$(dirname "$python"):$PATH

"$triton/bin/tritonserver" --model-repository "$(cd "$repository" && pwd)" --backend-directory "$backends" "$@" &
server=$!
trap 'kill -TERM $server 2>/dev/null || true' TERM INT
wait $server || true # a signal ends the first wait
wait $server
