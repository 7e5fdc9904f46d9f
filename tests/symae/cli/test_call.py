"""The three commands against models in this process; what a server answers is tested in tests/serve."""

import csv
import json
import os

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from serve import shipped
from serve.client import Client
from serve.errors import DeadlineError
from serve.metadata import KEY, ModelMetadata
from symae.cli import main

CLASSES, COLOURS = ("red", "green", "blue"), ((255, 0, 0), (0, 255, 0), (0, 0, 255))
U8, F32 = TensorProto.UINT8, TensorProto.FLOAT


def write(path, kind, nodes, inputs, outputs, constants=(), **card):
    infos = [[helper.make_tensor_value_info(name, *rest) for name, *rest in side] for side in (inputs, outputs)]
    values = [numpy_helper.from_array(value, name) for name, value in constants]
    graph = helper.make_graph(nodes, kind, *infos, values)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    metadata = ModelMetadata(kind, 3, crop=8, resize=None, stride=1, receptive_field=1, **card)
    helper.set_model_props(model, {KEY: metadata.to_json()})
    path.parent.mkdir(parents=True)
    onnx.save(model, path)


@pytest.fixture
def repository(tmp_path):
    """Auto-encoder: inverted, 7 where missing. Classifier and segmenter: the largest colour."""
    image = ("image", U8, ("N", "H", "W", 3))
    models = tmp_path / "models"
    write(
        models / "toy-autoencoder" / "1" / "model.onnx",
        "autoencoder",
        [
            helper.make_node("Sub", ["white", "image"], ["inverted"]),
            helper.make_node("Cast", ["mask"], ["flat"], to=TensorProto.BOOL),
            helper.make_node("Unsqueeze", ["flat", "last"], ["missing"]),
            helper.make_node("Where", ["missing", "seven", "inverted"], ["reconstruction"]),
        ],
        [image, ("mask", U8, ("N", "H", "W"))],
        [("reconstruction", U8, ("N", "H", "W", 3))],
        [("white", np.uint8(255)), ("seven", np.uint8(7)), ("last", np.array([3], np.int64))],
    )
    planes = [
        helper.make_node("Cast", ["image"], ["x"], to=F32),
        helper.make_node("Transpose", ["x"], ["planes"], perm=[0, 3, 1, 2]),
    ]
    write(
        models / "toy-classifier" / "1" / "model.onnx",
        "classifier",
        [
            *planes,
            helper.make_node("ReduceMean", ["planes"], ["mean"], axes=[2, 3], keepdims=0),
            helper.make_node("Softmax", ["mean"], ["probabilities"], axis=1),
        ],
        [image],
        [("probabilities", F32, ("N", 3))],
        classes=CLASSES,
    )
    write(
        models / "toy-segmenter" / "1" / "model.onnx",
        "segmenter",
        [
            *planes,
            helper.make_node("Softmax", ["planes"], ["probabilities"], axis=1),
            helper.make_node("ArgMax", ["planes"], ["best"], axis=1, keepdims=0),
            helper.make_node("Cast", ["best"], ["labels"], to=U8),
        ],
        [image],
        [("labels", U8, ("N", "H", "W")), ("probabilities", F32, ("N", 3, "H", "W"))],
        classes=CLASSES,
        colours=COLOURS,
    )
    return models


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    (folder / "sub").mkdir(parents=True)
    for index, name in enumerate(("red.png", "green.png", "sub/red.png")):
        array = np.zeros((6, 7, 3), np.uint8)
        array[..., index % 2] = 200
        Image.fromarray(array).save(folder / name)
    return folder


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_reconstruct(repository, images, tmp_path):
    out, mask = tmp_path / "out", tmp_path / "mask.png"
    holes = np.zeros((6, 7), np.uint8)
    holes[2:4] = 255
    Image.fromarray(holes).save(mask)
    result = run("reconstruct", images, "--out", out, "--models", repository, "--mask", mask, "--keep-known")
    assert result.exit_code == 0, result.output
    assert f"3 images written to {out}" in result.stdout
    for name in ("red.png", "green.png", "sub/red.png"):
        before, after = (np.asarray(Image.open(root / name)) for root in (images, out))
        np.testing.assert_array_equal(after, np.where(holes[..., None] != 0, 7, before))


@pytest.mark.parametrize("keep", [(), ("--keep-known",)])
def test_reconstruct_as_the_mean_over_flips_and_rotations(repository, images, tmp_path, keep):
    mask = tmp_path / "mask.png"
    holes = np.zeros((6, 7), np.uint8)
    holes[1, 2:6] = 255
    Image.fromarray(holes).save(mask)
    outs = [tmp_path / "one", tmp_path / "eight"]
    for out, more in zip(outs, ((), ("--ensemble",)), strict=True):
        result = run("reconstruct", images, "--out", out, "--models", repository, "--mask", mask, *keep, *more)
        assert result.exit_code == 0, result.output
    for name in ("red.png", "green.png", "sub/red.png"):  # the model does the same to each pixel, turned or not
        once, eightfold = (np.asarray(Image.open(out / name)) for out in outs)
        np.testing.assert_array_equal(eightfold, once)


def test_a_mask_of_another_size_is_told_beside_the_file(repository, images, tmp_path):
    Image.fromarray(np.zeros((3, 3), np.uint8)).save(tmp_path / "mask.png")
    arguments = ("--out", tmp_path / "out", "--models", repository, "--mask", tmp_path / "mask.png", "--ensemble")
    result = run("reconstruct", images / "red.png", *arguments)
    assert result.exit_code == 1
    assert "the mask must have the image's (6, 7) (H, W), got (3, 3)" in result.stderr


def test_classify(repository, images, tmp_path):
    result = run("classify", images, "--out", tmp_path / "out", "--models", repository, "--top", 2)
    assert result.exit_code == 0, result.output
    with (tmp_path / "out" / "classes.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["path"].removeprefix(f"{images}/"), row["best"]) for row in rows] == [
        ("green.png", "green"), ("red.png", "red"), ("sub/red.png", "red"),
    ]  # fmt: skip
    assert float(rows[0]["green"]) == pytest.approx(1)
    assert "green 1.000" in result.stdout.splitlines()[0]


def test_a_table_appears_whole_or_not_at_all(repository, images, tmp_path, monkeypatch):
    out = tmp_path / "out"
    assert run("classify", images, "--out", out, "--models", repository).exit_code == 0
    before = (out / "classes.csv").read_bytes()

    class Broken:
        def __init__(self, file):
            self.file = file

        def writerow(self, row):
            self.file.write("half a")
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(csv, "writer", Broken)
    assert run("classify", images, "--out", out, "--models", repository).exit_code == 1
    assert [(path.name, path.read_bytes()) for path in out.iterdir()] == [("classes.csv", before)]


def test_file_names_that_are_no_text(repository, images, tmp_path):
    (images / "green.png").rename(images / os.fsdecode(b"\xff.png"))
    result = run("classify", images, "--out", tmp_path / "out", "--models", repository)
    assert result.exit_code == 0, result.output
    assert f"{images}/\\xff.png,green" in (tmp_path / "out" / "classes.csv").read_text()
    assert f"{images}/\\xff.png" in result.stdout


def test_segment(repository, images, tmp_path):
    result = run("segment", images / "green.png", "--out", tmp_path / "out", "--models", repository)
    assert result.exit_code == 0, result.output
    assert (np.asarray(Image.open(tmp_path / "out" / "green.labels.png")) == 1).all()
    overlay = np.asarray(Image.open(tmp_path / "out" / "green.overlay.png"))
    assert tuple(overlay[0, 0]) == (0, 227, 0)


def test_json_is_alone_on_standard_output(repository, images, tmp_path):
    for command, name in (("classify", "green"), ("segment", "green"), ("reconstruct", None)):
        result = run(
            command, images / "green.png", tmp_path / "none.png", "--out", tmp_path, "--models", repository, "--json"
        )
        (image,) = json.loads(result.stdout)["images"]
        assert image["path"] == str(images / "green.png")
        assert next(iter(image["scores"].items()), None) == (name and (name, pytest.approx(1)))
        assert json.loads(result.stdout)["failed"][0]["error"] == "No such file or directory"
        assert result.exit_code == 1


def test_segment_prints_areas(repository, images, tmp_path):
    result = run("segment", images / "green.png", "--out", tmp_path / "out", "--models", repository)
    assert f"{images / 'green.png'}  green 100.0%" in result.stdout


def test_unreadable_files_are_named_and_the_others_go_on(repository, images, tmp_path):
    (images / "broken.png").write_bytes(b"nothing")
    missing = tmp_path / "missing.png"
    result = run("reconstruct", images, missing, "--out", tmp_path / "out", "--models", repository)
    assert result.exit_code == 1
    assert f"{images / 'broken.png'}: not an image" in result.stderr
    assert f"{missing}: No such file or directory" in result.stderr
    assert result.stderr.endswith("symae: 2 of 5 images failed\n")
    assert (tmp_path / "out" / "sub" / "red.png").exists()


def test_results_never_overwrite_each_other_or_the_image(repository, images, tmp_path):
    result = run("segment", images / "red.png", images / "sub" / "red.png", "--out", tmp_path, "--models", repository)
    assert result.exit_code == 2
    assert "would have one name" in result.stderr
    before = (images / "red.png").read_bytes()
    result = run("reconstruct", images / "red.png", "--out", images, "--models", repository)
    assert result.exit_code == 1
    assert "is the image itself" in result.stderr
    assert (images / "red.png").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "only reconstructs, and this needs a classifier: give --models"),
        (["--address", "localhost:1", "--models", "REPOSITORY"], 2, "both --address and --models"),
        (["--address", "localhost:1"], 1, "nobody answers at localhost:1"),
        (["--models", "REPOSITORY", "--model", "none"], 2, "no model 'none': there is toy-classifier of kind"),
        (["--models", "REPOSITORY", "--model", "toy-segmenter"], 2, "'toy-segmenter' is of kind segmenter"),
        (["--models", "REPOSITORY", "--tls"], 2, "--tls is given without the --address"),
        (["--address", "localhost:1", "--key", "k.pem"], 2, "a client's certificate and its key go together"),
        (["--address", "localhost:1", "--root", "/none.pem"], 2, "cannot read /none.pem: No such file"),
        (["--models", "/nowhere"], 2, "no such model repository: /nowhere"),
    ],
)
def test_what_is_wrong_is_one_line(repository, images, tmp_path, arguments, code, message):
    arguments = [str(repository) if argument == "REPOSITORY" else argument for argument in arguments]
    result = run("classify", images, "--out", tmp_path / "out", *arguments)
    assert result.exit_code == code, result.output
    assert result.stderr.startswith("symae: ") and result.stderr.count("\n") == 1
    assert message in result.stderr
    assert not (tmp_path / "out").exists()


def test_without_models_or_address_the_shipped_model_restores(repository, images, tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "FOLDER", repository / "toy-autoencoder")
    out = tmp_path / "clean.png"
    result = run("reconstruct", images / "green.png", "--out", out)
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith("using toy-autoencoder version 1, which comes with symae: trained to remove noise")
    assert result.stderr.count("\n") == 1
    assert result.stdout == f"1 image written to {out}\n"
    np.testing.assert_array_equal(np.asarray(Image.open(out)), 255 - np.asarray(Image.open(images / "green.png")))


def test_an_installation_without_a_model_says_so(images, tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "FOLDER", tmp_path / "none")
    result = run("reconstruct", images, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert result.stderr.startswith("symae: this symae was installed without its own model")


@pytest.mark.parametrize(
    ("mode", "suffix", "comes_back"),
    [("L", "png", "L"), ("I;16", "png", "L"), ("LA", "png", "L"), ("RGBA", "png", "RGB"), ("RGB", "jpg", "RGB")],
)
def test_gray_stays_gray_and_everything_becomes_8_bits(repository, tmp_path, mode, suffix, comes_back):
    path, out = tmp_path / f"image.{suffix}", tmp_path / "out.png"
    Image.new(mode, (7, 6)).save(path)
    assert run("reconstruct", path, "--out", out, "--models", repository).exit_code == 0
    with Image.open(out) as picture:
        assert (picture.mode, picture.size) == (comes_back, (7, 6))
        corner = np.asarray(picture)[0, 0]
    opaque = "A" not in mode  # what was black is inverted; what was transparent lay on white
    assert (corner == (255 if opaque else 0)).all()


def test_one_name_for_many_results_is_refused(repository, images, tmp_path):
    result = run("reconstruct", images, "--out", tmp_path / "clean.png", "--models", repository)
    assert result.exit_code == 2
    assert "is the name of one picture" in result.stderr
    assert not (tmp_path / "clean.png").exists()


def test_an_image_that_takes_too_long_says_what_to_do(repository, images, tmp_path, monkeypatch):
    def late(*arguments, **options):
        raise DeadlineError("Deadline Exceeded")

    monkeypatch.setattr(Client, "classify", late)
    result = run("classify", images / "green.png", "--out", tmp_path / "out", "--models", repository)
    assert f"{images / 'green.png'}: no answer in time (Deadline Exceeded): give a longer --timeout\n" in result.stderr
