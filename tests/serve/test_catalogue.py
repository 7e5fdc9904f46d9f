import subprocess
import sys
from types import SimpleNamespace

import pytest

from serve import errors
from serve.catalogue import pick


def models(**kinds):
    return {name: SimpleNamespace(name=name, metadata=SimpleNamespace(kind=kind)) for name, kind in kinds.items()}


def test_a_name_may_be_left_out_where_there_is_one_of_the_kind():
    served = models(cats="encoder", dogs="classifier")
    assert pick(served, "encoder", "") is pick(served, "encoder", "cats") is served["cats"]


@pytest.mark.parametrize(
    ("kind", "name", "error", "message"),
    [
        ("encoder", "", errors.RequestError, "exactly one encoder: this server has cats, mice"),
        ("segmenter", "", errors.RequestError, "exactly one segmenter: this server has none"),
        ("encoder", "dogs", errors.RequestError, "'dogs' is of kind classifier, this call needs encoder"),
        ("encoder", "birds", errors.ModelNotFoundError, "no model 'birds', this server has cats, dogs, mice"),
    ],
)
def test_what_is_meant_must_be_clear(kind, name, error, message):
    with pytest.raises(error, match=message):
        pick(models(cats="encoder", dogs="classifier", mice="encoder"), kind, name)


def test_the_server_loads_no_runtime_before_it_loads_models():
    code = "import sys, serve.server, serve.protocol.service\nassert 'onnxruntime' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
