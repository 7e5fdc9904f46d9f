import numpy as np
import pytest

from serve import shipped
from serve.calling.connect import connected
from serve.errors import JobError, RepositoryError, UnavailableError


def fail(line):
    raise AssertionError(line)


def test_models_are_served_from_this_process(repository):
    with connected("encoder", None, repository, fail) as client:
        assert len(client.models()) == 4


def test_a_server_is_called(address):
    with connected("encoder", address, None, fail) as client:
        assert len(client.models()) == 4


def test_with_neither_the_shipped_model_is_served_and_said(repository, monkeypatch):
    monkeypatch.setattr(shipped, "FOLDER", repository / "toy-autoencoder")
    said = []
    with connected("autoencoder", None, None, said.append) as client:
        assert [model.name for model in client.models()] == ["toy-autoencoder"]
        assert client.reconstruct([np.full((4, 5, 3), 9, np.uint8)]).images[0][0, 0, 0] == 246
    (line,) = said
    assert line.startswith("using toy-autoencoder version 1") and "photographs" in line and "\n" not in line


@pytest.mark.parametrize("kind", ["encoder", "classifier", "segmenter"])
def test_the_shipped_model_does_nothing_else(kind):
    with (
        pytest.raises(JobError, match=rf"only reconstructs, and this needs a {kind}: give --models .* or --address"),
        connected(kind, None, None, fail),
    ):
        pass


def test_what_cannot_be_called_is_said(tmp_path, monkeypatch):
    with pytest.raises(JobError, match="both"), connected("encoder", "localhost:1", tmp_path, fail):
        pass
    with pytest.raises(UnavailableError, match="nobody answers"), connected("encoder", "localhost:1", None, fail):
        pass
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    with pytest.raises(RepositoryError, match="without its own"), connected("autoencoder", None, None, fail):
        pass
