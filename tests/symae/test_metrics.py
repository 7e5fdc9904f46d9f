import pytest
import torch

from symae.metrics import psnr, voc2007_average_precision


def test_psnr_of_a_known_error():
    reference = torch.full((2, 3, 8, 8), 0.5)
    off = reference.clone()
    off[1] += 0.1
    assert psnr(off, reference).tolist() == [float("inf"), pytest.approx(20.0, abs=1e-4)]


def test_psnr_clamps_as_a_file_would():
    reference = torch.ones(1, 1, 4, 4)
    assert psnr(reference + 0.3, reference).item() == float("inf")


def test_average_precision_is_the_mean_over_eleven_recalls():
    # Ranked by score: present, absent, present, absent. Recall 0.5 is reached with precision 1, recall 1 with 2/3:
    # levels 0, 0.1, ..., 0.5 are six times 1, levels 0.6 ... 1.0 five times 2/3.
    scores = torch.tensor([[0.9], [0.8], [0.7], [0.1]])
    labels = torch.tensor([[1], [0], [1], [0]])
    assert voc2007_average_precision(scores, labels).item() == pytest.approx(100 * (6 + 5 * 2 / 3) / 11, abs=1e-3)


def test_perfect_ranking_is_a_hundred_and_answers_that_do_not_count_are_left_out():
    scores = torch.tensor([[0.9, 0.1], [0.8, 0.9], [0.95, 0.2]])
    labels = torch.tensor([[1, 0], [1, 1], [255, 0]], dtype=torch.uint8)
    assert voc2007_average_precision(scores, labels).tolist() == pytest.approx([100, 100])


def test_a_class_that_is_never_present_has_no_precision():
    values = voc2007_average_precision(torch.rand(4, 2), torch.tensor([[1, 0]] * 4))
    assert values[0] == pytest.approx(100)
    assert torch.isnan(values[1])


def test_a_ranking_that_begins_with_an_absent_one_starts_below_a_hundred():
    # absent, absent, present: every recall is reached at rank 3 with precision 1/3
    values = voc2007_average_precision(torch.tensor([[0.9], [0.8], [0.7]]), torch.tensor([[0], [0], [1]]))
    assert values.item() == pytest.approx(100 / 3, abs=1e-3)
