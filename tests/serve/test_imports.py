"""Serving installs and starts without the training side."""

import subprocess
import sys
from pathlib import Path

SERVE = Path(__file__).parents[2] / "serve"
MODULES = sorted(
    ".".join(("serve", *path.relative_to(SERVE).with_suffix("").parts)).removesuffix(".__init__")
    for path in SERVE.rglob("*.py")
)


def test_no_module_of_serve_loads_torch_or_another_wing():
    code = (
        f"import importlib, sys\nfor name in {MODULES}: importlib.import_module(name)\n"
        "loaded = {name.split('.')[0] for name in sys.modules}\n"
        "assert not loaded & {'torch', 'torchvision', 'lightning', 'symae', 'export', 'onnx'}, loaded"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)


def test_the_serve_command_does_not_load_torch():
    code = (
        "import sys\nfrom symae.cli import main\n"
        "try: main(['serve', '/nowhere'])\n"
        "except SystemExit as stop: assert stop.code == 2, stop.code\n"
        "assert 'torch' not in sys.modules and 'serve.server' in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, timeout=60, capture_output=True, text=True)
    assert done.stderr.strip() == "symae: no such model repository: /nowhere"
