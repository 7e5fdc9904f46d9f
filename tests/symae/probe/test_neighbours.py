import math

import torch

from symae.probe.neighbours import neighbour_accuracy


def directions(*degrees, length=1.0):
    angles = torch.tensor(degrees) * math.pi / 180
    return length * torch.stack([angles.cos(), angles.sin()], 1)


TRAIN, LABELS = directions(0.0, 40.0, 42.0, 44.0), torch.tensor([0, 1, 1, 1])


def accuracy(degrees, label, k, length=1.0):
    return neighbour_accuracy(TRAIN, LABELS, directions(degrees, length=length), torch.tensor([label]), k)


def test_the_nearest_direction_counts_whatever_its_length():
    assert accuracy(5.0, 0, k=1, length=100.0) == 100
    assert accuracy(30.0, 1, k=1, length=0.01) == 100
    assert accuracy(30.0, 0, k=1) == 0


def test_one_near_neighbour_outvotes_three_that_are_far():
    assert accuracy(1.0, 0, k=4) == 100  # cos 1 / 0.07 against three times cos 40 / 0.07: e^14.3 against 3 e^11
    assert accuracy(20.0, 1, k=4) == 100  # all about as far: the three have it


def test_more_neighbours_than_images_are_all_images():
    assert accuracy(1.0, 0, k=20) == accuracy(1.0, 0, k=4)
