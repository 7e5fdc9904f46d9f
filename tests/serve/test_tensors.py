import numpy as np
import pytest

from serve.repository import find_models
from serve.session import INPUTS, OUTPUTS, RuntimeOptions, open_session
from serve.tensors import Tensor, inputs_of, outputs_of

TYPES = {"UINT8": np.uint8, "FP32": np.float32}


@pytest.mark.parametrize("kind", OUTPUTS)
def test_they_are_what_a_real_model_gives(repository, kind):
    (file,) = find_models(repository / f"toy-{kind}")
    session = open_session(file, RuntimeOptions((), 1, False))
    inputs, outputs = inputs_of(session.metadata), outputs_of(session.metadata)
    assert tuple(tensor.name for tensor in inputs) == INPUTS[kind]
    assert tuple(tensor.name for tensor in outputs) == OUTPUTS[kind]
    images, masks = np.zeros((2, 5, 7, 3), np.uint8), np.zeros((2, 5, 7), np.uint8)
    results = session.run((images, masks)[: len(inputs)], OUTPUTS[kind])
    for tensor, result in zip(outputs, results, strict=True):
        assert result.dtype == TYPES[tensor.datatype]
        assert result.nbytes == tensor.nbytes(2, 5, 7)
        assert len(tensor.dims) == result.ndim - 1
        assert all(dim in (-1, size) for dim, size in zip(tensor.dims, result.shape[1:], strict=True))
        assert tensor.follows_size == (result.ndim > 2)


def test_a_coarse_map_is_counted_in_its_own_positions():
    assert Tensor("feature_map", "FP32", (8, -1, -1), unit=4).nbytes(3, 9, 16) == 3 * 8 * 3 * 4 * 4
