"""File, environment and flags: one meaning, one order, one printed form."""

import tomllib

import pytest

from serve.config import ServeConfig
from serve.errors import ConfigError
from serve.options import options, resolve

# Every kind of value, as the file, and as environment and flags write it.
GIVEN = {
    "address": ('"0.0.0.0:1"', "0.0.0.0:1", "0.0.0.0:1"),
    "batch_images": ("8", "8", 8),
    "grace": ("3", "3", 3.0),
    "tf32": ("true", "true", True),
    "providers": ('["CUDA", "CPU"]', "CUDA,CPU", ("CUDA", "CPU")),
    "warm_sizes": ("[32, 64]", "32, 64", (32, 64)),
}


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "serve.toml"
        path.write_text(text)
        return path

    return write


def test_file_environment_and_flags_give_the_same(write):
    file = write("".join(f"{key} = {toml}\n" for key, (toml, _, _) in GIVEN.items()))
    environment = {f"SYMAE_SERVE_{key.upper()}": text for key, (_, text, _) in GIVEN.items()}
    flags = {key: text for key, (_, text, _) in GIVEN.items()}
    expected = ServeConfig(**{key: value for key, (_, _, value) in GIVEN.items()})
    assert resolve(file, {}, {}).config == resolve(None, environment, {}).config == expected
    assert resolve(None, {}, flags).config == expected
    assert isinstance(resolve(file, {}, {}).config.grace, float)


def test_flags_win_over_the_environment_and_that_over_the_file(write):
    file = write("batch_images = 1\nthreads = 1\ngrace = 1\n")
    environment = {"SYMAE_SERVE_THREADS": "2", "SYMAE_SERVE_GRACE": "2", "HOME": "/", "SYMAE_SERVE_CONFIG": "x"}
    resolved = resolve(file, environment, {"grace": "3"})
    config = resolved.config
    assert (config.batch_images, config.threads, config.grace) == (1, 2, 3.0)
    assert resolved.sources["batch_images"] == f"file {file}"
    assert resolved.sources["threads"] == "environment SYMAE_SERVE_THREADS"
    assert resolved.sources["grace"] == "flag --grace"
    assert resolved.sources["address"] == "default"


@pytest.mark.parametrize("address", ["localhost:0", 'a"b\\c\x7f\n:1', "bücher:1"])
def test_the_printed_form_is_a_file_that_gives_the_same(write, address):
    flags = {key: text for key, (_, text, _) in GIVEN.items()} | {"address": address, "default_deadline": "1e-5"}
    resolved = resolve(None, {}, flags)
    printed = resolved.to_toml()
    assert resolve(write(printed), {}, {}).config == resolved.config
    assert set(tomllib.loads(printed)) == {option.key for option in options()}
    assert all("  # default" in line or "  # flag --" in line for line in printed.splitlines())


def test_every_key_is_documented():
    assert all(len(option.text) > 20 for option in options())
    assert len({option.flag for option in options()}) == len(options())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("batch_imges = 3", r"unknown option 'batch_imges', did you mean 'batch_images'\? \(file .*serve.toml\)"),
        ("threads = 'two'", r"threads must be of type int, got 'two' \(file "),
        ("threads = true", "threads must be of type int, got True"),
        ("threads = 2.0", "threads must be of type int, got 2.0"),
        ("tf32 = 1", "tf32 must be of type bool, got 1"),
        ("providers = 'CPU'", r"providers must be of type list of str, got 'CPU'"),
        ("providers = [1]", "providers must be a list of str"),
        ("warm_sizes = [true]", "warm_sizes must be a list of int"),
        ("grace = ", "is not TOML"),
    ],
)
def test_a_file_that_is_not_right(write, text, message):
    with pytest.raises(ConfigError, match=message):
        resolve(write(text), {}, {})


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("THREADS", "two", r"threads must be of type int, got 'two' \(environment SYMAE_SERVE_THREADS\)"),
        ("TF32", "maybe", "tf32 must be of type bool, got 'maybe'"),
        ("WARM_SIZES", "3,x", "warm_sizes must be of type list of int, got '3,x'"),
        ("GRAZE", "1", r"unknown option 'graze', did you mean 'grace'\? \(environment SYMAE_SERVE_GRAZE\)"),
    ],
)
def test_an_environment_that_is_not_right(name, text, message):
    with pytest.raises(ConfigError, match=message):
        resolve(None, {f"SYMAE_SERVE_{name}": text}, {})


def test_what_kubernetes_says_of_a_service_called_symae_serve_is_no_key():
    names = ("SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_GRPC", "PORT", "PORT_50051_TCP", "PORT_50051_TCP_ADDR")
    assert resolve(None, {f"SYMAE_SERVE_{name}": "tcp://10.0.0.1:50051" for name in names}, {}).config == ServeConfig()


def test_a_missing_file(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read the configuration .*No such file"):
        resolve(tmp_path / "none.toml", {}, {})


def test_a_collector_named_as_opentelemetry_names_it_switches_traces_on():
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        resolved = resolve(None, {name: "http://collector:4317"}, {})
        assert resolved.config.traces and resolved.sources["traces"] == f"environment {name}"
        assert not resolve(None, {name: ""}, {}).config.traces
        assert not resolve(None, {name: "http://collector:4317", "OTEL_SDK_DISABLED": "TRUE"}, {}).config.traces
        assert not resolve(None, {name: "http://collector:4317", "SYMAE_SERVE_TRACES": "off"}, {}).config.traces


def test_a_cluster_with_traces_does_not_stop_a_server_without_them(monkeypatch):
    monkeypatch.setattr("serve.options.find_spec", lambda name: None)
    assert not resolve(None, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317"}, {}).config.traces
