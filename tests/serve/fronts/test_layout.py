import numpy as np
import pytest

from serve.fronts.layout import Layouts
from serve.fronts.segment import PlaceError
from serve.tensors import inputs_of, outputs_of

SIZE = (3, 17, 5)


@pytest.mark.parametrize("kind", ["autoencoder", "encoder", "classifier", "segmenter"])
def test_arrays_are_aligned_do_not_overlap_and_are_those_of_the_model(toys, kind):
    metadata = toys.metadata(kind, stride=2)
    names = tuple(tensor.name for tensor in outputs_of(metadata))
    layout = Layouts(metadata).of(names, SIZE)
    block = np.zeros(layout.nbytes, np.uint8)
    inputs, results = layout.arrays(block)
    arrays = [*inputs, *results]
    for number, array in enumerate(arrays, 1):
        array[...] = number
    for number, (array, tensor) in enumerate(zip(arrays, inputs_of(metadata) + outputs_of(metadata), strict=True), 1):
        assert array.shape == tensor.shape(*SIZE) and array.nbytes == tensor.nbytes(*SIZE)
        assert (array == number).all()
    assert all(place.offset % 64 == 0 for place in (*layout.inputs, *layout.results))


@pytest.mark.parametrize(
    ("outputs", "size"),
    [(("embedding",), (0, 8, 8)), (("embedding",), (1, 0, 8)), (("labels",), (1, 8, 8)), ((), (1, 8, 8))],
)
def test_what_is_no_work_is_refused(toys, outputs, size):
    with pytest.raises(PlaceError, match="no work"):
        Layouts(toys.metadata("encoder")).of(outputs, size)
