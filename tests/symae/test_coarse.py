import pytest

from symae.coarse import coarse_classes
from symae.data.voc import VOC_CLASSES

CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def test_vocs_classes_are_animals_vehicles_and_others():
    groups = coarse_classes(VOC_CLASSES)
    assert {name: len(members) for name, members in groups.items()} == {"animal": 6, "vehicle": 7}
    others = set(range(20)) - {index for members in groups.values() for index in members}
    assert {VOC_CLASSES[index] for index in others} == {
        *("bottle", "chair", "diningtable", "pottedplant", "sofa", "tvmonitor"),  # indoor
        "person",
    }


@pytest.mark.parametrize("classes", [VOC_CLASSES, CIFAR10])
def test_indices_follow_the_order_of_the_names(classes):
    forwards, backwards = coarse_classes(classes), coarse_classes(classes[::-1])
    for group in ("animal", "vehicle"):
        assert {classes[i] for i in forwards[group]} == {classes[::-1][i] for i in backwards[group]}
    assert sum(map(len, coarse_classes(CIFAR10).values())) == 10


@pytest.mark.parametrize("classes", [(), ("cat", "dog"), ("background", *VOC_CLASSES), (*CIFAR10, "other")])
def test_other_classes_have_no_groups(classes):
    assert coarse_classes(classes) == {}
