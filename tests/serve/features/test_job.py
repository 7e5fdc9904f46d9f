import dataclasses
import json

import pytest

from serve.errors import JobError
from serve.features.job import ExtractOptions, Facts, facts_of, job_of, part_rows
from serve.repository import find_models
from serve.session import RuntimeOptions, open_session

FACTS = Facts("m", "1", "w", "CPU", (2,))


@pytest.fixture
def open_toy(toys, tmp_path):
    def opened(**changes):
        path = toys.write_encoder(tmp_path / "models" / "e" / "1" / "model.onnx", **changes)
        return open_session(find_models(path)[0], RuntimeOptions(("CPU",), 1))

    return opened


def test_the_shape_of_a_row_is_that_of_the_model(open_toy):
    session = open_toy(crop=14, resize=16)
    assert facts_of(session, ExtractOptions()).shape == (3,)
    facts = facts_of(session, ExtractOptions(output="feature_map"))
    assert (facts.shape, facts.model, facts.provider) == ((3, 14, 14), "e", "CPUExecutionProvider")
    assert len(facts.weights) == 64


def test_maps_of_many_shapes_are_refused(open_toy):
    with pytest.raises(JobError, match="--keep-size was given"):
        facts_of(open_toy(resize=16), ExtractOptions(output="feature_map", keep_size=True))
    with pytest.raises(JobError, match="takes images at their own sizes"):
        facts_of(open_toy(resize=None), ExtractOptions(output="feature_map"))


@pytest.mark.parametrize(
    ("shape", "dtype", "rows"),
    [
        ((2,), "float32", 4096),
        ((256, 15, 15), "float32", 256),
        ((256, 15, 15), "float16", 512),
        ((1 << 26,), "float32", 1),
    ],
)
def test_a_part_has_fewer_rows_where_they_are_large(shape, dtype, rows):
    facts = dataclasses.replace(FACTS, shape=shape)
    assert part_rows(facts, ExtractOptions(dtype=dtype)) == rows


def test_what_another_result_could_come_of_is_part_of_the_job():
    job = job_of(FACTS, ExtractOptions(), 10, "f")
    same = job_of(FACTS, ExtractOptions(threads=3, overwrite=True), 10, "f")
    assert job.differences(json.loads(same.to_json())) == []
    for change in ({"batch": 8}, {"output": "feature_map"}, {"dtype": "float16"}, {"full_decode": True}):
        other = job_of(FACTS, ExtractOptions(**change), 10, "f")
        assert job.differences(json.loads(other.to_json())) == list(change)


@pytest.mark.parametrize("wrong", [{"output": "logits"}, {"dtype": "int8"}])
def test_options_that_are_none(wrong):
    with pytest.raises(JobError, match="expected one of"):
        ExtractOptions(**wrong)
