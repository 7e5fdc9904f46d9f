"""The arrows between the wings, and that serving runs without the training code."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WINGS = {"symae", "export", "serve"}
# Six leaves of `serve` are the common ground: pixels and their turns, which images are meant, whole files, what a model
# says of itself, and how many processors there are.
ALLOWED = {
    "serve": set(),
    "export": {"symae", "serve.cpu", "serve.metadata"},
    "symae": {"serve.files", "serve.image", "serve.paths", "serve.turns"},
    "symae/cli": {"symae", "export", "serve"},
    "symae/demo": {"symae", "export", "serve"},
    "symae/doctor": {"symae", "serve"},
    "symae/neighbours": {"symae", "serve"},
    "symae/ui": {"symae", "serve"},
}


def imports(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


@pytest.mark.parametrize("wing", sorted(WINGS))
def test_a_wing_imports_what_its_arrows_allow(wing):
    wrong = []
    for file in sorted((ROOT / wing).rglob("*.py")):
        place = file.relative_to(ROOT).as_posix()
        allowed = ALLOWED[next((room for room in ALLOWED if "/" in room and place.startswith(room)), wing)]
        for name in imports(file):
            other = name.split(".")[0]
            if other in WINGS - {wing} and not any(f"{name}.".startswith(f"{start}.") for start in allowed):
                wrong.append(f"{place} imports {name}")
    assert not wrong


def test_serving_loads_neither_torch_nor_the_training_code():
    code = (
        "import sys, pkgutil, importlib, serve\n"
        "for m in pkgutil.walk_packages(serve.__path__, 'serve.'):\n"
        "    importlib.import_module(m.name)\n"
        "bad = [m for m in sys.modules if m.split('.')[0] in ('torch', 'lightning', 'symae', 'export')]\n"
        "assert not bad, bad\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", ["serve.session", "serve.captured", "serve.providers", "export.verify", "export"])
def test_the_runtime_is_told_to_send_nothing_before_it_is_imported(module):
    code = (
        "import importlib, os, sys\nseen = []\n"
        "class Watch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'onnxruntime': seen.append(os.environ.get('ORT_DISABLE_TELEMETRY'))\n"
        "sys.meta_path.insert(0, Watch())\n"
        f"importlib.import_module({module!r})\nassert seen == ['1'], seen\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, env=environment)
    assert done.returncode == 0, done.stderr


def test_help_is_quick_because_it_loads_no_wing():
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom symae.cli import main\n"
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0\n"
        "bad = [m for m in ('torch', 'onnxruntime', 'grpc', 'lightning') if m in sys.modules]\nassert not bad, bad\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr


def test_no_function_is_longer_than_sixty_lines():
    long = []
    for wing in sorted(WINGS):
        for file in (ROOT / wing).rglob("*.py"):
            if "pb" in file.parts:
                continue
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    lines = (node.end_lineno or 0) - node.lineno + 1
                    if lines > 60:
                        long.append(f"{file.relative_to(ROOT)}:{node.name} has {lines} lines")
    assert not long
