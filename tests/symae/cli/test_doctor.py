import contextlib
import json
import socket
import subprocess
import sys

import pytest
from click.testing import CliRunner

import symae.doctor
from symae.cli import main
from symae.doctor import Finding, machine, models, ports, providers, versions

FREE = ("--address", "127.0.0.1:0")


def doctor(*arguments):
    return CliRunner().invoke(main, ["doctor", *map(str, arguments)])


@contextlib.contextmanager
def taken():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield f"127.0.0.1:{other.getsockname()[1]}"


@pytest.fixture
def quick(monkeypatch):
    """Without PyTorch's devices and other file systems, which depend on the machine."""
    monkeypatch.setattr("symae.doctor.check_devices", lambda: [Finding("devices", "none")])
    monkeypatch.setattr("symae.doctor.check_disk", lambda places: [Finding("disk", "enough")])


def test_a_sound_installation_has_nothing_to_do(quick):
    done = doctor(*FREE)
    assert done.exit_code == 0, done.output
    assert "CPUExecutionProvider runs the model: 64 x 64 pixels in" in done.output
    assert "photos-autoencoder version 1 loads: autoencoder" in done.output
    assert "to do" not in done.output


def test_each_problem_has_a_line_of_what_to_do_and_the_exit_code_is_1(quick, tmp_path):
    (tmp_path / "broken" / "1").mkdir(parents=True)
    (tmp_path / "broken" / "1" / "model.onnx").write_bytes(b"no model")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.json").write_text("{}")
    with taken() as address:
        done = doctor(tmp_path / "nowhere", tmp_path / "broken", tmp_path / "run", "--address", address, "--json")
    assert done.exit_code == 1
    wrong = [found for found in json.loads(done.output) if not found["ok"]]
    for found, (topic, what, remedy) in zip(
        wrong,
        [
            ("models", "no such model repository", "symae export RUN --repository"),
            ("models", "damaged, or no ONNX model", "export it anew"),
            ("models", "is a run without finished weights", "--resume"),
            ("ports", "Address already in use", "ss -ltnp"),
        ],
        strict=True,
    ):
        assert (found["topic"], what in found["what"], remedy in found["remedy"]) == (topic, True, True), found


def test_a_port_with_a_server_of_symae_is_no_problem(monkeypatch):
    with taken() as address:
        monkeypatch.setattr("serve.calling.healthcheck.check_health", lambda *_: None)
        (found,) = ports.check_port(address)
    assert found.ok and "which answers" in found.what


def test_a_provider_that_does_not_start_is_a_problem_where_there_is_a_gpu(monkeypatch):
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr("serve.providers.has_nvidia_gpu", lambda: True)
    monkeypatch.setattr("serve.providers._open", lambda *_: (_ for _ in ()).throw(OSError("libcudnn.so.9 is missing")))
    monkeypatch.setattr("serve.providers._check_file", lambda *_: None)
    (found,) = providers.check_providers()
    assert "libcudnn.so.9 is missing" in found.what and "cudnn" in found.remedy
    monkeypatch.setattr("serve.providers.has_nvidia_gpu", lambda: False)
    (found,) = providers.check_providers()
    assert found.ok and "there is no NVIDIA GPU" in found.what


@pytest.mark.parametrize(
    ("installed", "problem"),
    [
        ({"onnxruntime": "1", "onnxruntime-gpu": "1"}, "overwrite each other's files"),
        ({}, "no ONNX Runtime"),
        ({"torch": "2"}, "torchvision, lightning, safetensors, onnx not installed"),
    ],
)
def test_packages_that_do_not_fit_are_named(monkeypatch, installed, problem):
    monkeypatch.setattr(versions, "_version", lambda name: installed.get(name, ""))
    (found,) = [found for found in versions.check_versions() if problem in found.what]
    assert "pip install 'symae[" in found.remedy


def test_a_full_disk_is_a_problem_once(monkeypatch, tmp_path):
    monkeypatch.setattr("shutil.disk_usage", lambda place: type("Usage", (), {"free": 1e9}))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    (found,) = machine.check_disk([tmp_path, tmp_path / "nowhere"])
    assert "1.0 GB free" in found.what and "free some" in found.remedy


def test_threads_are_those_of_affinity_and_quota(monkeypatch):
    monkeypatch.setattr("serve.cpu.usable_cpus", lambda: 3)
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    (found,) = machine.check_threads()
    assert found.what.startswith("3 of 64 processors may be used, by affinity")


def test_a_package_that_does_not_load_is_told_and_the_rest_goes_on(monkeypatch):
    def broken():
        raise OSError("libtorch.so: cannot open shared object file")

    monkeypatch.setattr(symae.doctor, "check_devices", broken)
    found = list(symae.doctor.examine([], []))
    assert ["libtorch.so" in one.what for one in found if not one.ok] == [True]
    assert {one.topic for one in found} == {"versions", "threads", "devices", "providers", "models", "disk"}


def test_it_works_without_torch():
    code = (
        "import sys\nfor name in ('torch', 'safetensors', 'lightning'): sys.modules[name] = None\n"
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'torch' else find(name, *rest)\n"
        "from symae.cli import main\nmain(['doctor', '--address', '127.0.0.1:0'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "CPUExecutionProvider runs the model" in done.stdout, done.stderr
    assert "PyTorch" not in done.stdout


def test_a_run_with_weights_is_named_by_what_it_holds(tmp_path, monkeypatch):
    (tmp_path / "recipe.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"half")
    found = list(models.check_models([tmp_path]))[-1]
    assert "is damaged" in found.what and found.remedy
