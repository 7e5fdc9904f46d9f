import pytest

from serve.config import ServeConfig, load_config
from serve.errors import ConfigError


def test_file_and_overrides(tmp_path):
    path = tmp_path / "serve.toml"
    path.write_text('address = "0.0.0.0:1"\ngrace = 3\nproviders = ["CPU"]\nwarm_sizes = [32, 64]\nthreads = 2\n')
    config = load_config(path, {"address": "localhost:0", "threads": None})
    assert config == ServeConfig(address="localhost:0", grace=3.0, providers=("CPU",), warm_sizes=(32, 64), threads=2)
    assert isinstance(config.grace, float)


def test_defaults_are_valid():
    assert load_config(None, {}) == ServeConfig()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("batch_imges = 3", "unknown option 'batch_imges', did you mean 'batch_images'?"),
        ("threads = 'two'", "threads must be of type int, got 'two'"),
        ("threads = true", "threads must be of type int, got True"),
        ("providers = [1]", "providers must be a list of str"),
        ("batch_images = 0", "batch_images must be at least 1, got 0"),
        ("default_deadline = 0", "default_deadline must be above 0"),
        ("queue_pixels = 5", "queue_pixels must be at least max_image_pixels"),
        ("warm_sizes = [0]", "warm_sizes must be"),
        ("grace = ", "is not TOML"),
    ],
)
def test_bad_values(tmp_path, text, message):
    path = tmp_path / "serve.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message.replace("?", r"\?")):
        load_config(path, {})


def test_missing_file(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read the configuration .*No such file"):
        load_config(tmp_path / "none.toml", {})
