"""Give a trained pyramid more residual blocks, which at first change nothing of what it computes.

    python -m benchmarks.deepen RUN --blocks 1,2,2 --out deep.safetensors
    symae train restore-deep-colour --init deep.safetensors --data photographs/ --out runs/deep

A network that has learned goes on as a deeper one (Chen et al. 2016, "Net2Net"): each size's new blocks follow those
that it has, and begin as the identity. Each brings a shortcut, too, whose map is the one that the shortcut before it
adds, so that each of n such maps is divided by n.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click
import torch

from symae.errors import InputError, SymaeError
from symae.networks import SymmetricAutoencoder, pyramid
from symae.networks.autoencoder import initialise
from symae.weights import load, save


def deepened(model: SymmetricAutoencoder, blocks: tuple[int, ...]) -> SymmetricAutoencoder:
    """Copy a pyramid of one block a size into one of more.

    Args:
        model: of residual blocks without BN, one at each size.
        blocks: of the copy, size by size, >= 1; 1 at the first size: past its block goes the
            identity, so that its map cannot be divided.

    Returns:
        A model that computes the same; new blocks' first layers are drawn by He's rule, their last are zero.

    Raises:
        InputError: the model is another, or there are not as many sizes.
    """
    spec = model.spec
    begins = [1, *(i for i, layer in enumerate(spec.full, 1) if layer.stride > 1 and i > 1)]  # first layer of a size
    channels, stride = tuple(spec.full[begin - 1].channels for begin in begins), spec.full[0].stride
    free = {"width": spec.width, "channels": spec.channels, "fill": spec.fill}  # the rest makes it a pyramid
    if len(begins) < 2 or dataclasses.replace(pyramid(channels, stride=stride), **free) != spec:
        raise InputError(f"{spec.name} is no pyramid of one residual block a size")
    if len(blocks) != len(begins) or blocks[0] != 1 or min(blocks) < 1:
        raise InputError(f"expected {len(begins)} numbers of blocks, the first of them 1, got {blocks}")
    copy = SymmetricAutoencoder(dataclasses.replace(pyramid(channels, blocks, stride), **free))
    initialise(copy, torch.Generator().manual_seed(0), "he")
    with torch.no_grad():
        for part in (copy.encoder, copy.decoder):
            for end in part.unnormalised_ends():
                end.weight.zero_()
        weights = copy.state_dict()
        for name, tensor in model.state_dict().items():
            weights[_place(name, begins, blocks)].copy_(tensor)
        for number, count in enumerate(blocks):
            _share_out(copy, begins, blocks, number, count)
    return copy.eval()


def _moved(layer: int, begins: list[int], blocks: tuple[int, ...]) -> int:
    """Number of a convolution in the copy: each size before it has pushed it on."""
    return layer + sum(2 * (count - 1) for begin, count in zip(begins[1:], blocks, strict=False) if layer >= begin)


def _place(name: str, begins: list[int], blocks: tuple[int, ...]) -> str:
    """Name of a tensor in the copy. Of a decoder, modules are counted from its own beginning."""
    before = begins[-1] + 1
    after = before + 2 * (sum(blocks) - len(blocks))
    match name.split("."):
        case ["encoder", "convolutions", index, _]:
            return f"encoder.convolutions.{_moved(int(index) + 1, begins, blocks) - 1}.weight"
        case ["encoder", "skips", end, _]:
            return f"encoder.skips.{_moved(int(end), begins, blocks)}.weight"
        case ["decoder", "deconvolutions", index, _]:
            return f"decoder.deconvolutions.{after - _moved(before - int(index), begins, blocks)}.weight"
        case ["decoder", "skips", end, _]:
            return f"decoder.skips.{_moved(int(end) + 2, begins, blocks) - 2}.weight"
    return name


def _share_out(copy: SymmetricAutoencoder, begins: list[int], blocks: tuple[int, ...], number: int, count: int) -> None:
    """Divide the map on which a size's old block ends by the number of maps that the decoder adds up there."""
    encoder, end = copy.encoder, _moved(begins[number] + 1, begins, blocks)
    if count == 1:
        return
    for module in (encoder.convolutions[end - 1], encoder.skips[str(end)]):
        module.weight.div_(count)
    if number + 1 < len(blocks):
        following = _moved(begins[number + 1], begins, blocks)
        for module in (encoder.convolutions[following - 1], encoder.skips[str(following + 1)]):
            module.weight.mul_(count)


@click.command()
@click.argument("run", type=click.Path(path_type=Path, exists=True))
@click.option("--blocks", required=True, help="Residual blocks size by size, e.g. 1,2,2.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Weights to write.")
def main(run: Path, blocks: str, out: Path) -> None:
    """Write the weights of RUN, of an auto-encoder, with more residual blocks."""
    try:
        model, card = load(run)
        if not isinstance(model, SymmetricAutoencoder):
            raise InputError(f"{run} holds no auto-encoder but the weights of the stage {card.stage}")
        if not all(count.isdecimal() for count in blocks.split(",")):
            raise InputError(f"--blocks is a list of numbers such as 1,2,2, got {blocks!r}")
        deep = deepened(model, tuple(map(int, blocks.split(","))))
    except SymaeError as error:
        raise click.ClickException(str(error)) from error
    save(deep, dataclasses.replace(card, network=deep.spec), out)
    before, after = (sum(weight.numel() for weight in each.parameters()) for each in (model, deep))
    print(f"{out}: {after:,} weights, {before:,} before")


if __name__ == "__main__":
    main()
