import numpy as np
import onnx
import pytest

from export.loss import Loss, _comparison, loss, open_graph, speed
from export.precision import Limits, reduce
from export.samples import Sample
from serve.metadata import KEY, ModelMetadata
from symae.errors import VerificationError

ALL = Limits(decibels=100, points=100)


def samples(count=2, targets=None, seed=0):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        clean = np.repeat(np.repeat(rng.integers(0, 256, (4, 6, 6, 3), np.uint8), 4, 1), 4, 2)
        yield Sample({"image": clean, "mask": np.zeros(clean.shape[:3], np.uint8)}, clean, targets)


def about(model):
    return ModelMetadata.from_json({p.key: p.value for p in model.metadata_props}[KEY])


@pytest.mark.parametrize("precision", ["int8", "fp16", "fp16-weights"])
@pytest.mark.parametrize("kind", ["autoencoder", "encoder"])
def test_what_is_lost_and_gained_stands_in_the_model(exported, precision, kind):
    graph = exported("small", "pretrain")[1][kind]
    found = reduce(graph, precision, list(samples()), list(samples(seed=1)), ALL)
    described = about(found.model)
    lost = "lost_db" if kind == "autoencoder" else "lost_points"
    assert described.precision == precision
    assert described.quality == {
        "psnr": 28.5, lost: found.loss.value, "speed_over_fp32": found.speed, "size_over_fp32": found.size
    }  # fmt: skip
    assert found.loss.images == 8
    assert about(graph).precision == "fp32"


def test_a_classifier_with_labels_loses_accuracy(exported):
    graph = exported("network2", "classify")[1]["classifier"]
    targets = np.zeros(4, np.int64)
    found = reduce(graph, "int8", list(samples()), list(samples(targets=targets)), ALL)
    assert (found.loss.unit, found.loss.what) == ("points", "accuracy")


def test_more_than_may_be_lost_is_refused_with_its_figures(exported):
    graph = exported("small", "pretrain")[1]["encoder"]
    with pytest.raises(VerificationError, match=r"cosine on 8 images.* of the size .*: 1e-09 points are allowed"):
        reduce(graph, "int8", list(samples()), list(samples()), Limits(points=1e-9))


def test_more_of_the_end_stays_in_fp32_where_too_much_is_lost_and_only_there(exported, monkeypatch):
    graph = exported("small", "pretrain")[1]["autoencoder"]
    given = graph, "int8", list(samples(1)), list(samples(1))
    for allowed, expected, tried in ((0.5, "percentile", 2), (0.2, "min-max, layers in fp32 at the end: 2", 4)):
        losses = iter([0.6, 0.4, 0.1, 0.3])
        monkeypatch.setattr("export.precision.loss", lambda *_, it=losses: Loss(next(it), "dB", "PSNR", 4))
        found = reduce(*given, Limits(decibels=allowed))
        assert found.method == f"int8, calibrated by {expected}"
        assert len(list(losses)) == 4 - tried


def test_a_graph_that_computes_no_numbers_is_refused(exported, monkeypatch):
    def damaged(graph):
        copy = onnx.ModelProto.FromString(graph.SerializeToString())
        mean = next(t for t in copy.graph.initializer if t.name.endswith("encoder.mean"))
        mean.raw_data = np.full(3, np.nan, np.float32).tobytes()
        return copy

    monkeypatch.setattr("export.precision.halve", damaged)
    with pytest.raises(VerificationError):
        reduce(exported("small", "pretrain")[1]["encoder"], "fp16", [], list(samples()), ALL)


@pytest.mark.alone
@pytest.mark.parametrize(
    ("name", "stage", "kind"), [("small", "pretrain", "autoencoder"), ("small", "segment", "segmenter")]
)
def test_a_graph_loses_nothing_against_itself(exported, name, stage, kind):
    session = open_graph(exported(name, stage)[1][kind])
    assert loss(session, session, list(samples())).value == 0
    assert 0.2 < speed(session, session, next(samples()), rounds=25) < 5


@pytest.mark.parametrize(
    ("multi_label", "targets", "what", "expected"),
    [
        (False, np.array([0, 1]), "accuracy", [0.0, 100.0]),
        (False, None, "agreement with fp32", [0.0, 100.0]),
        (True, None, "agreement with fp32", [50.0, 100.0]),
    ],
)
def test_answers_are_compared_image_by_image(exported, multi_label, targets, what, expected):
    kind = about(exported("network2", "classify")[1]["classifier"])
    told, compare = _comparison(ModelMetadata(**{**vars(kind), "multi_label": multi_label}), targets is not None)
    exact, reduced = np.array([[0.9, 0.6], [0.1, 0.8]]), np.array([[0.9, 0.4], [0.8, 0.1]])
    sample = Sample({}, np.zeros(0), targets)
    assert told == what
    assert compare({"probabilities": exact}, {"probabilities": reduced}, sample).tolist() == expected


def test_a_loss_says_what_and_on_how_many():
    assert str(Loss(0.0773, "dB", "PSNR", 936)) == "0.077 dB of PSNR on 936 images"
