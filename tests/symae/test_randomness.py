import pytest
import torch

from symae import randomness
from symae.randomness import BatchGenerator, Share, derive_seed, generator


def test_the_same_key_gives_the_same_draws_and_any_other_key_others():
    keys = [(0, "a", 1), (0, "a", 2), (0, "b", 1), (1, "a", 1), (0, "a1"), (0, "a", 1, 0)]
    draws = [tuple(torch.rand(4, generator=generator("cpu", *key)).tolist()) for key in keys]
    assert len(set(draws)) == len(keys)
    assert draws == [tuple(torch.rand(4, generator=generator("cpu", *key)).tolist()) for key in keys]


def test_seeds_are_written_down_for_ever():
    """A change of these would change every run that is continued."""
    assert 0 <= derive_seed(0, "weights") < 2**63
    assert derive_seed(7, "crops", 3, 11) == 6_700_579_125_464_512_199


@pytest.mark.parametrize(("whole", "size"), [(8, 1), (8, 2), (23, 4), (3, 3), (5, 8)])
def test_shares_are_the_batch_in_order_and_differ_by_one_at_most(whole, size):
    shares = [Share.of(whole, rank, size) for rank in range(size)]
    numbers = torch.arange(whole)
    assert torch.equal(torch.cat([share.take(numbers) for share in shares]), numbers)
    assert {share.count for share in shares} <= {whole // size, whole // size + 1}
    assert all(len(share.take(numbers)) == share.count for share in shares)


@pytest.mark.parametrize("block", [4, 512])
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_slices_draw_what_the_whole_batch_draws(monkeypatch, block, size):
    monkeypatch.setattr(randomness, "BLOCK", block)

    def draws(share: Share) -> list[torch.Tensor]:
        batch = BatchGenerator(generator("cpu", 1), share)
        rows = batch.draw(lambda count, source: torch.randn((count, 3), generator=source))
        columns = batch.draw(lambda count, source: torch.rand((2, count), generator=source), dim=1)
        return [rows, columns.T, batch.permutation()]

    whole = draws(Share.of(15, 0, 1))
    slices = [draws(Share.of(15, rank, size)) for rank in range(size)]
    for number, expected in enumerate(whole):
        assert torch.equal(torch.cat([parts[number] for parts in slices]), expected)
    assert sorted(whole[2].tolist()) == list(range(15))
    assert len(whole[0].unique()) == whole[0].numel()  # no block repeats another


def test_up_to_a_block_the_draws_are_the_generators_own():
    batch = BatchGenerator(generator("cpu", 1), Share.of(6, 0, 1))
    drawn = batch.draw(lambda count, source: torch.rand(count, generator=source))
    assert torch.equal(drawn, torch.rand(6, generator=generator("cpu", 1)))
