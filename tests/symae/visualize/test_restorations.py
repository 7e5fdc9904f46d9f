import pytest
import torch

from symae.errors import RunError
from symae.visualize.images import Picture, load_pictures
from symae.visualize.restorations import restoration_rows
from symae.visualize.trained import open_trained

CPU = torch.device("cpu")


def rows_of(run, pictures, sigma=30.0, seed=0):
    return restoration_rows(open_trained(run.path, CPU), pictures, sigma=sigma, seed=seed)


def picture(height, width, channels=3):
    return Picture("x", "here", "x.png", torch.rand(1, channels, height, width))


def test_the_rows_of_figure_2_with_the_psnr_of_each(pretrained):
    pictures = load_pictures((), pretrained, limit=3, keep_size=False, say=lambda _: None)
    rows = rows_of(pretrained, pictures)
    assert [row.label.split("\n")[0] for row in rows] == [
        "clean",
        *("pixel Gaussian", "restored"),
        *("one big block", "restored"),
        *("many small blocks", "restored"),
    ]
    assert all(len(row.cells) == 3 for row in rows)
    noisy = [float(cell.words[0].text.removesuffix(" dB")) for cell in rows[1].cells]
    assert noisy == pytest.approx([18.6] * 3, abs=1.0)  # 20 log10(255 / 30), a little more for the clamp


def test_the_same_seed_gives_the_same_figure_and_no_noise_is_infinitely_good(pretrained):
    pictures = [picture(30, 37)]
    first, again, other = (rows_of(pretrained, pictures, seed=seed) for seed in (1, 1, 2))
    texts = [[row.cells[0].words[0].text for row in rows] for rows in (first, again, other)]
    assert texts[0] == texts[1] != texts[2]
    assert rows_of(pretrained, pictures, sigma=0)[1].cells[0].words[0].text == "inf dB"


@pytest.mark.parametrize(("height", "width"), [(1, 1), (23, 50), (64, 3)])
def test_any_size_and_gray_networks(pretrained, gray, height, width):
    for run, channels in ((pretrained, 3), (gray, 1)):
        rows = rows_of(run, [picture(height, width, channels), picture(20, 20, channels)])
        assert all(cell.picture.shape[2] == 3 for row in rows for cell in row.cells)


def test_damage_that_a_run_was_not_trained_for_is_named(gray, pretrained):
    assert not any("not trained" in row.label for row in rows_of(pretrained, [picture(20, 20)]))
    narrowed = open_trained(gray.path, CPU)
    object.__setattr__(narrowed.run.recipe, "corruption", narrowed.run.recipe.corruption.parts[0])
    labels = [row.label for row in restoration_rows(narrowed, [picture(20, 20, 1)], sigma=30, seed=0)]
    assert ["not trained" in label for label in labels] == [False, False, False, True, False, True, False]


def test_what_restores_nothing_is_refused(classifier):
    with pytest.raises(RunError, match="--layer"):
        rows_of(classifier, [picture(20, 20)])
