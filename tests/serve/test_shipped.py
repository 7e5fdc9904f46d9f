import pytest

from serve import shipped
from serve.errors import RepositoryError
from serve.metadata import ModelMetadata
from serve.session import RuntimeOptions, open_only
from serve.shipped import about_shipped, shipped_models

MOST_BYTES = 5 << 20
HERE = shipped.FOLDER


def test_a_repository_beside_the_code_is_found_and_described(repository, monkeypatch):
    monkeypatch.setattr(shipped, "FOLDER", repository)
    assert shipped_models() == repository
    assert about_shipped().startswith("toy-autoencoder version 1, which comes with symae: trained to remove noise")


@pytest.mark.parametrize("there", [False, True])
def test_an_installation_without_a_model_is_one_line_with_a_remedy(tmp_path, monkeypatch, there):
    folder = tmp_path / "shipped"
    if there:
        folder.mkdir()
        (folder / "README.md").write_text("no model")
    monkeypatch.setattr(shipped, "FOLDER", folder)
    for call in (shipped_models, about_shipped):
        with pytest.raises(
            RepositoryError, match=r"installed without its own model .*: give a model repository"
        ) as error:
            call()
        assert "\n" not in str(error.value)


def test_its_card_is_there():
    assert "Not for" in (HERE / "README.md").read_text(encoding="utf-8")


@pytest.mark.skipif(not list(HERE.glob("*/*/model.onnx")), reason="until a trained model lies in serve/shipped")
def test_what_is_shipped_is_small_whole_and_restores_rgb():
    assert sum(path.stat().st_size for path in HERE.rglob("*") if path.is_file()) <= MOST_BYTES
    session = open_only("autoencoder", shipped_models(), RuntimeOptions(("CPU",), 1))
    assert isinstance(session.metadata, ModelMetadata) and session.metadata.channels == 3
    assert session.metadata.quality and session.metadata.recipe and session.metadata.data
    assert (session.file.path.parents[1] / "config.pbtxt").is_file()
