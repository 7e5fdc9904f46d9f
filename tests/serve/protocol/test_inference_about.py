"""What is told about models agrees with the files that lie beside them."""

from types import SimpleNamespace

import onnx
import pytest
from google.protobuf import text_format

from export.repository import config_text
from serve.batching.statistics import ModelStatistics
from serve.blocks import Limits
from serve.catalogue import ModelState
from serve.pb.inference import inference_pb2 as pb
from serve.protocol import inference_about as about
from serve.session import OUTPUTS

LIMITS = Limits(1024, 1, 1)


@pytest.fixture
def served(repository, toys):
    def make(kind):
        name = f"toy-{kind}"
        return SimpleNamespace(name=name, version="3", metadata=toys.metadata(kind), statistics=ModelStatistics())

    return make


@pytest.mark.parametrize("kind", OUTPUTS)
def test_the_configuration_is_that_of_the_exported_file(repository, served, kind):
    model = onnx.load(repository / f"toy-{kind}" / "1" / "model.onnx")
    written = text_format.Parse(config_text(f"toy-{kind}", model), pb.ModelConfig())
    told = about.config(served(kind), LIMITS).config
    for field, _ in written.ListFields():
        assert getattr(told, field.name) == getattr(written, field.name), field.name
    assert told.WhichOneof("scheduling_choice") == written.WhichOneof("scheduling_choice") == "dynamic_batching"
    assert not told.model_transaction_policy.decoupled


def test_the_largest_batch_is_never_more_than_is_taken(served):
    assert about.config(served("encoder"), LIMITS).config.max_batch_size == 64
    assert about.config(served("encoder"), Limits(8, 1, 1)).config.max_batch_size == 8


@pytest.mark.parametrize("kind", OUTPUTS)
def test_metadata_differ_from_the_configuration_by_the_batch_alone(served, kind):
    metadata, config = about.model(served(kind)), about.config(served(kind), LIMITS).config
    assert list(metadata.versions) == ["3"] and metadata.platform == config.platform
    tensors = [*zip(metadata.inputs, config.input, strict=True), *zip(metadata.outputs, config.output, strict=True)]
    for told, configured in tensors:
        assert told.name == configured.name
        assert list(told.shape) == [-1, *configured.dims]
        assert f"TYPE_{told.datatype}" == pb.DataType.Name(configured.data_type)


def test_the_server_names_only_whole_extensions():
    told = about.server()
    assert told.name == "symae" and told.version
    assert list(told.extensions) == ["model_configuration", "statistics"]


def test_the_index_tells_refused_versions_as_triton_does():
    states = [ModelState("a", "1", "READY"), ModelState("a", "2", "FAILED", "damaged"), ModelState("b", "1", "LOADING")]
    told = [(m.name, m.version, m.state, m.reason) for m in about.index(states, ready=False).models]
    assert told == [("a", "1", "READY", ""), ("a", "2", "UNAVAILABLE", "damaged"), ("b", "1", "LOADING", "")]
    assert [m.version for m in about.index(states, ready=True).models] == ["1"]
