"""Figures 5 and 6: what single channels of a layer answer to images, whole and with a block missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import torch
from torch import Tensor

from symae.corruption import BigBlock, Corrupted, corrupt
from symae.drawing import Cell, Pixels, Row, Words, shown_size, to_pixels
from symae.errors import InputError
from symae.evaluate import visible
from symae.randomness import generator
from symae.visualize.images import Picture
from symae.visualize.maps import feature_map, relative_change, strongest
from symae.visualize.trained import Trained

__all__ = ["LARGEST", "View", "feature_rows"]

OCCLUSION = BigBlock(1 / 3)  # figure 6: a part of the object is hidden, not all of it
COLOURS = "inferno"
LARGEST = 256  # longer side in pixels that images and maps are shown at: a figure has many rows
KEY = (8, 96)  # height and width of the scale of colours


@dataclass(frozen=True)
class View:
    """Which feature maps are shown.

    Attributes:
        layer: the ReLU that they are read after, counted from 1: those of the encoder's convolutions, then, of an
            auto-encoder or a segmenter, those of the decoder's.
        channels: numbers of the channels, counted from 0; empty: the `top` strongest, see `strongest`.
        top: how many of the strongest, >= 1.
        occlude: show each image with a block missing, too.
        seed: of the block's place.
    """

    layer: int
    channels: tuple[int, ...] = ()
    top: int = 4
    occlude: bool = False
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Seen:
    """An image (1, C, H, W) as it is shown and normalised, and the map (c, h, w) that each run makes of it."""

    image: Tensor
    inputs: Tensor
    maps: tuple[Tensor, ...]


@dataclass(frozen=True)
class Track:
    """A channel through the figure: the number of its run, its own, what it is called, its scale's upper end."""

    run: int
    channel: int
    label: str
    top: float

    def of(self, seen: Seen) -> Tensor:
        """Its map (h, w) of an image."""
        return seen.maps[self.run][self.channel]


def feature_rows(runs: Sequence[Trained], pictures: Sequence[Picture], view: View) -> list[Row]:
    """Draw the images, and the maps of each run below them; then the same with a block missing from each image.

    All maps of a channel have one scale of colours, from 0 to its largest value of the clean images. Below an occluded
    image stands the relative change of the input and of the whole layer, below its maps their own.

    Raises:
        InputError: the layer or a channel does not exist.
    """
    clean = [_look(runs, Corrupted(picture.image), view.layer) for picture in pictures]
    hidden = [_look(runs, _occluded(picture, view.seed, i), view.layer) for i, picture in enumerate(pictures)]
    tracks = _tracks(runs, clean, view)
    names = [(Words(picture.name),) for picture in pictures]
    rows = [_images("clean", clean, names), *(_track_row(track, clean) for track in tracks)]
    if not view.occlude:
        return rows
    changes = [_changes(before, after, runs) for before, after in zip(clean, hidden, strict=True)]
    rows.append(_images("one block missing", hidden, changes, apart=True))
    return [*rows, *(_track_row(track, hidden, clean) for track in tracks)]


def _look(runs: Sequence[Trained], damaged: Corrupted, layer: int) -> Seen:
    first = runs[0].model
    with torch.inference_mode():
        maps = [feature_map(run.model, damaged.to(run.device), layer)[0].float().cpu() for run in runs]
        there = damaged.to(runs[0].device)
        return Seen(visible(first, there).cpu(), first.encoder.normalise(there.images, there.masks).cpu(), tuple(maps))


def _occluded(picture: Picture, seed: int, number: int) -> Corrupted:
    return corrupt(OCCLUSION, picture.image, generator("cpu", seed, "occlusion", number))


def _tracks(runs: Sequence[Trained], clean: Sequence[Seen], view: View) -> list[Track]:
    tracks = []
    for number, run in enumerate(runs):
        channels = view.channels or strongest([seen.maps[number] for seen in clean], view.top)
        _check_channels(run, channels, len(clean[0].maps[number]), view.layer)
        name = f"{run.name}\n" if len(runs) > 1 else ""
        for channel in channels:
            top = max(float(seen.maps[number][channel].max()) for seen in clean)
            tracks.append(Track(number, channel, f"{name}channel {channel}\n0 to {top:.3g}", top))
    return tracks


def _check_channels(run: Trained, channels: Sequence[int], count: int, layer: int) -> None:
    wrong = [channel for channel in channels if not 0 <= channel < count]
    if wrong:
        raise InputError(
            f"channel {wrong[0]} does not exist: layer {layer} of {run.run.path} has channels 0 to {count - 1}"
        )


def _images(label: str, seen: Sequence[Seen], words: Sequence[tuple[Words, ...]], *, apart: bool = False) -> Row:
    cells = [Cell(to_pixels(each.image[0], _size(each)), lines) for each, lines in zip(seen, words, strict=True)]
    return Row(tuple(cells), label, apart=apart)


def _track_row(track: Track, shown: Sequence[Seen], before: Sequence[Seen] = ()) -> Row:
    """Draw a channel's maps of some images; where they have a `before`, with their change since then."""
    words: list[tuple[Words, ...]] = [() for _ in shown]
    if before:
        words = [(_change(track.of(old), track.of(new)),) for old, new in zip(before, shown, strict=True)]
    maps = [_heat(track.of(seen), track.top, _size(seen)) for seen in shown]
    return Row(tuple(map(Cell, maps, words)), track.label, _key())


def _heat(found: Tensor, top: float, size: tuple[int, int]) -> Pixels:
    """Colour a map (h, w) at the size that its image is shown at; a block of colour is one value."""
    levels = (found / top if top > 0 else found).numpy()
    colours = mpl.colormaps[COLOURS](levels)[:, :, :3]
    return to_pixels(torch.from_numpy(colours).permute(2, 0, 1), size)


def _size(seen: Seen) -> tuple[int, int]:
    return shown_size(seen.image.shape[-2], seen.image.shape[-1], LARGEST)


def _key() -> Pixels:
    ramp = mpl.colormaps[COLOURS](np.linspace(0.0, 1.0, KEY[1]))[None, :, :3]  # (1, width, 3)
    return np.repeat((ramp * 255).round().astype(np.uint8), KEY[0], axis=0)


def _change(before: Tensor, after: Tensor) -> Words:
    return Words(f"change {relative_change(before, after):.2f}" if before.any() else "no response")


def _changes(before: Seen, after: Seen, runs: Sequence[Trained]) -> tuple[Words, ...]:
    """The change of the input, and that of the whole layer of each run."""
    layers = [
        Words(f"{run.name + ': ' if len(runs) > 1 else ''}all channels {relative_change(old, new):.2f}")
        for run, old, new in zip(runs, before.maps, after.maps, strict=True)
    ]
    return Words(f"input {relative_change(before.inputs, after.inputs):.2f}"), *layers
