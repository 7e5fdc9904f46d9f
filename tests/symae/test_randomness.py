import torch

from symae.randomness import derive_seed, generator


def test_the_same_key_gives_the_same_draws_and_any_other_key_others():
    keys = [(0, "a", 1), (0, "a", 2), (0, "b", 1), (1, "a", 1), (0, "a1"), (0, "a", 1, 0)]
    draws = [tuple(torch.rand(4, generator=generator("cpu", *key)).tolist()) for key in keys]
    assert len(set(draws)) == len(keys)
    assert draws == [tuple(torch.rand(4, generator=generator("cpu", *key)).tolist()) for key in keys]


def test_seeds_are_written_down_for_ever():
    """A change of these would change every run that is continued."""
    assert 0 <= derive_seed(0, "weights") < 2**63
    assert derive_seed(7, "crops", 3, 11) == 6_700_579_125_464_512_199
