import math

import pytest
import torch

from symae.class_scores import CLASSES, of_confusion, read_scores, write_scores


def test_scores_survive_the_disk(tmp_path):
    matrix = torch.tensor([[3, 1], [0, 0]])
    scores = of_confusion(matrix, ("cat", "dog"), [75.0, math.nan], "accuracy, %", "images")
    write_scores(scores, tmp_path)
    assert read_scores(tmp_path) == scores
    assert scores.values == (75.0, None)
    assert scores.counts == (4, 0)
    assert scores.pairs == ((0, 0, 3), (0, 1, 1))
    assert scores.complete


def test_of_many_classes_the_most_frequent_confusions_are_kept():
    matrix = torch.eye(100, dtype=torch.long) * 5
    matrix[7] += 9
    scores = of_confusion(matrix, [str(n) for n in range(100)], [1.0] * 100, "accuracy, %", "images")
    assert scores.pairs[0] == (7, 7, 14)
    assert (7, 99, 9) in scores.pairs
    wide = of_confusion(torch.ones(100, 100), [str(n) for n in range(100)], [1.0] * 100, "accuracy, %", "images")
    assert len(wide.pairs) == 600
    assert not wide.complete


TWO = '{"metric": "m", "counted": "c", "names": ["a", "b"], "values": [1, %s], "counts": [1, 1], "pairs": [[0, %s, 1]]}'


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"pairs": 3}', TWO % (2, 2), TWO % (2, -1), TWO % (2, '"a"'), TWO % ("2, 3", 1)]
)
def test_a_damaged_file_is_none(tmp_path, text):
    (tmp_path / CLASSES).write_text(text)
    assert read_scores(tmp_path) is None
