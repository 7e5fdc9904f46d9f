import pytest
import torch

from symae.errors import InputError
from symae.visualize.features import View, feature_rows
from symae.visualize.images import Picture
from symae.visualize.trained import open_trained

CPU = torch.device("cpu")


def picture(height, width, channels=3):
    return Picture("x", "here", "x.png", torch.rand(1, channels, height, width))


@pytest.mark.parametrize("layer", [1, 4, 9])
def test_the_rows_of_figure_6(pretrained, layer):
    pictures = [picture(24, 24), picture(30, 41)]
    rows = feature_rows([open_trained(pretrained.path, CPU)], pictures, View(layer, (2, 0), occlude=True))
    labels = [row.label.split("\n")[0] for row in rows]
    assert labels == ["clean", "channel 2", "channel 0", "one block missing", "channel 2", "channel 0"]
    assert rows[1].label == rows[4].label  # one scale for both
    for row in rows:
        for cell, first in zip(row.cells, rows[0].cells, strict=True):
            assert cell.picture.shape == first.picture.shape
    assert all(float(cell.words[0].text.removeprefix("input ")) > 0 for cell in rows[3].cells)
    assert all(cell.words[0].text.startswith(("change ", "no response")) for row in rows[4:] for cell in row.cells)
    assert not any(cell.words for row in rows[1:3] for cell in row.cells)


def test_runs_beside_each_other_choose_their_own_channels(pretrained, classifier, segmenter):
    runs = [open_trained(run.path, CPU) for run in (pretrained, classifier, segmenter)]
    rows = feature_rows(runs, [picture(24, 24)], View(2, top=2))
    assert [row.label.split("\n")[0] for row in rows[1:]] == [name for run in runs for name in [run.name] * 2]


def test_gray_networks(gray):
    assert len(feature_rows([open_trained(gray.path, CPU)], [picture(24, 24, 1)], View(3, top=3))) == 4


def test_layers_and_channels_that_do_not_exist_are_refused(pretrained, classifier):
    runs = [open_trained(run.path, CPU) for run in (pretrained, classifier)]
    with pytest.raises(InputError, match=r"channel 4 does not exist: layer 1 .* has channels 0 to 3"):
        feature_rows(runs[:1], [picture(20, 20)], View(1, (0, 4)))
    with pytest.raises(InputError, match="ReLUs 1 to 6"):
        feature_rows(runs[1:], [picture(20, 20)], View(7))
