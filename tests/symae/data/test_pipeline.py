from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from symae.data import DataOptions, Example, Subset, Target, TrainingLoader, evaluation_batches, open_dataset
from symae.data.files import ImageFiles
from symae.data.paths import scan_images
from symae.data.scenes import Scenes
from symae.errors import DataError

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Ramps:
    """Images that tell where each of their pixels comes from: (index, row, column)."""

    count: int = 23
    sizes: tuple[tuple[int, int], ...] = ((12, 16),)
    target: Target = Target.MAP
    channels: int = 3
    name: str = "ramps"
    classes: tuple[str, ...] = ()
    colours: tuple = ()
    labels: None = None

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Example:
        height, width = self.sizes[index % len(self.sizes)]
        rows, columns = np.mgrid[:height, :width].astype(np.uint8)
        image = np.stack([np.full_like(rows, index % 256), rows, columns], -1)
        targets = {
            Target.MAP: rows * 16 + columns,
            Target.CLASS: index % 5,
            Target.MULTILABEL: np.array([index % 2, 255, 1], np.uint8),
        }
        return Example(image, targets.get(self.target))

    def path(self, index: int) -> str:
        return str(index)

    def fingerprint(self) -> str:
        return ""


def loader(dataset, **changes) -> TrainingLoader:
    settings = {"batch_size": 4, "crop": 7, "resize": None, "flip": True, "seed": 3, "device": CPU, **changes}
    return TrainingLoader(dataset, **settings)


def same(one, other) -> bool:
    first, second = list(one), list(other)
    return len(first) == len(second) and all(
        torch.equal(a.images, b.images) and (a.targets is b.targets is None or torch.equal(a.targets, b.targets))
        for a, b in zip(first, second, strict=True)
    )


@pytest.mark.parametrize("target", list(Target))
@pytest.mark.parametrize("workers", [0, 2])
def test_resident_and_streamed_batches_are_equal_to_the_bit(target: Target, workers: int) -> None:
    dataset = Ramps(target=target)
    resident, streamed = loader(dataset), loader(dataset, resident_bytes=0, workers=workers)
    assert resident.resident and not streamed.resident
    for epoch in (0, 1):
        assert same(resident.batches(epoch), streamed.batches(epoch))
    assert same(resident.batches(1, 3), streamed.batches(1, 3))


@pytest.mark.parametrize("resident_bytes", [0, 1 << 20])
def test_the_tail_of_an_epoch_is_that_of_the_whole(resident_bytes: int) -> None:
    batches = loader(Ramps(), resident_bytes=resident_bytes)
    whole = list(batches.batches(5))
    assert len(whole) == len(batches) == 5
    assert same(whole[2:], batches.batches(5, 2))
    assert not same(whole, batches.batches(6))


def test_an_epoch_that_is_left_early_does_not_spoil_the_next() -> None:
    streamed = loader(Ramps(), resident_bytes=0, workers=2)
    iterator = streamed.batches(0)
    next(iterator)
    iterator.close()
    assert same(streamed.batches(1), loader(Ramps()).batches(1))


def test_crops_are_squares_of_the_image_and_maps_go_along() -> None:
    mirrored = 0
    for batch in loader(Ramps()).batches(0):
        assert batch.images.shape == (4, 3, 7, 7) and batch.images.dtype == torch.uint8
        _, rows, columns = batch.images.long().unbind(1)
        assert torch.equal(batch.targets.long(), rows * 16 + columns)
        assert (rows.diff(dim=1) == 1).all()
        steps = columns.diff(dim=2)
        assert (steps.abs() == 1).all() and (steps == steps[:, :1, :1]).all()
        mirrored += int((steps[:, 0, 0] == -1).sum())
    assert 0 < mirrored < 20


def test_every_offset_is_drawn() -> None:
    batches = loader(Ramps(count=400), batch_size=400, flip=False).batches(0)
    corners = next(batches).images[:, 1:, 0, 0]
    assert corners[:, 0].unique().tolist() == list(range(6)) and corners[:, 1].unique().tolist() == list(range(10))


@pytest.mark.parametrize("resident_bytes", [0, 1 << 20])
def test_the_slices_of_all_processes_are_the_batch(resident_bytes: int) -> None:
    whole = list(loader(Ramps(), resident_bytes=resident_bytes).batches(2))
    slices = [
        list(loader(Ramps(), resident_bytes=resident_bytes, rank=rank, world_size=2).batches(2)) for rank in (0, 1)
    ]
    for batch, left, right in zip(whole, *slices, strict=True):
        assert torch.equal(batch.images, torch.cat([left.images, right.images]))


@pytest.mark.parametrize("epoch", [0, 1])
def test_processes_with_workers_lose_and_double_no_example_of_an_epoch(epoch: int) -> None:
    seen = []
    for rank in range(3):
        streamed = loader(Ramps(count=60), batch_size=12, resident_bytes=0, workers=2, rank=rank, world_size=3)
        batches = list(streamed.batches(epoch))
        assert [len(batch.images) for batch in batches] == [4] * 5
        seen += [index for batch in batches for index in batch.images[:, 0, 0, 0].tolist()]
    assert sorted(seen) == list(range(60))


def test_the_global_generator_is_left_alone() -> None:
    before = torch.random.get_rng_state()
    for resident_bytes in (0, 1 << 20):
        list(loader(Ramps(), resident_bytes=resident_bytes).batches(0))
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_small_data_set_is_one_partial_batch() -> None:
    batches = loader(Ramps(count=3))
    assert len(batches) == 1
    assert [len(batch.images) for batch in batches.batches(0)] == [3]


@pytest.mark.parametrize("target", list(Target))
@pytest.mark.parametrize(
    ("sizes", "resize"),
    [(((12, 16), (16, 12), (7, 9)), None), (((12, 12), (24, 24)), 12), (((12, 12), (4, 4)), None)],
)
def test_images_of_several_sizes_resident_and_streamed(sizes, resize, target: Target) -> None:
    dataset = Ramps(sizes=sizes, target=target)
    resident, streamed = loader(dataset, resize=resize), loader(dataset, resize=resize, resident_bytes=0)
    assert resident.resident and not streamed.resident
    for epoch in range(3):
        assert same(resident.batches(epoch), streamed.batches(epoch))


@pytest.mark.parametrize(
    ("sizes", "limit", "resident"),
    [
        (((12, 16),), 200 * 12 * 16 * 4, True),
        (((12, 16),), 200 * 12 * 16 * 4 - 1, False),
        (((12, 16),) * 151 + ((40, 40),), 200 * 12 * 16 * 4, False),  # which few images do not tell
        (((12, 16),) * 151 + ((13, 16),), 201 * 12 * 16 * 4, True),
        (((7, 7),) * 199 + ((300, 300),), 1 << 20, True),  # much larger than few images make expect
    ],
)
def test_what_fits_lives_on_the_device(sizes, limit: int, resident: bool) -> None:
    assert loader(Ramps(count=200, sizes=sizes), resident_bytes=limit).resident is resident


@pytest.fixture
def broken(tmp_path: Path) -> ImageFiles:
    for index in range(10):
        Image.fromarray(np.full((8, 8, 3), index * 20, np.uint8)).save(tmp_path / f"{index}.png")
    for index in (0, 4, 5, 9):
        (tmp_path / f"{index}.png").write_bytes((tmp_path / f"{index}.png").read_bytes()[:45])
    return ImageFiles("broken", 3, scan_images(tmp_path))


@pytest.mark.parametrize("workers", [0, 2])
def test_unreadable_files_are_noted_and_the_next_takes_their_place(broken: ImageFiles, workers: int) -> None:
    resident = loader(broken, batch_size=10)
    assert sorted(Path(path).stem for path in resident.unreadable) == ["0", "4", "5", "9"]
    streamed = loader(broken, batch_size=10, resident_bytes=0, workers=workers)
    assert not streamed.unreadable
    (batch,) = streamed.batches(0)
    assert sorted(v // 20 for v in batch.images[:, 0, 0, 0].tolist()) == [1, 1, 1, 2, 3, 6, 6, 6, 7, 8]
    assert streamed.unreadable == resident.unreadable
    assert "broken image" in next(iter(resident.unreadable.values()))
    assert same(resident.batches(1), streamed.batches(1))


@pytest.mark.parametrize(("resident_bytes", "workers"), [(1 << 20, 0), (0, 0), (0, 2)])
def test_nothing_readable_is_an_error(tmp_path: Path, resident_bytes: int, workers: int) -> None:
    for name in "abcdef":
        (tmp_path / f"{name}.png").write_bytes(b"no image")
    dataset = ImageFiles("hopeless", 3, scan_images(tmp_path))
    with pytest.raises(DataError, match="none of the images of hopeless can be read") as caught:
        list(loader(dataset, resident_bytes=resident_bytes, workers=workers).batches(0))
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="none of the images"):
        list(evaluation_batches(dataset, batch_size=2, crop=4, resize=None, device=CPU))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_users_error_leaves_a_worker_as_one_line(tmp_path: Path, write, write_map, workers: int) -> None:
    write("images/a.png", (8, 8))
    write_map("labels/a.png", np.zeros((8, 9)))
    dataset = open_dataset(str(tmp_path), target=Target.MAP, part="train", options=DataOptions())
    with pytest.raises(DataError, match="8 x 8 pixels but its label map") as caught:
        list(loader(dataset, resident_bytes=0, workers=workers).batches(0))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"resize": 6}, "no crops of 7"),
        ({"world_size": 3}, "shared by 3"),
        ({"batch_size": 64, "world_size": 32}, "32"),
    ],
)
def test_sizes_that_do_not_fit_together(changes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        loader(Ramps(), **changes)


def test_progress_and_waiting_are_told() -> None:
    seen: list[tuple[int, int]] = []
    batches = loader(Ramps(), progress=lambda done, whole: seen.append((done, whole)))
    assert seen == [(i + 1, 23) for i in range(23)]
    list(batches.batches(0))
    assert batches.data_wait > 0


def evaluated(dataset, **changes):
    settings = {"batch_size": 4, "crop": 7, "resize": None, "device": CPU, **changes}
    return list(evaluation_batches(dataset, **settings))


def test_evaluation_takes_every_image_once_in_order_from_its_centre() -> None:
    batches = evaluated(Ramps(target=Target.CLASS))
    images = torch.cat([batch.images for batch in batches])
    assert images[:, 0, 0, 0].tolist() == list(range(23))
    assert (images[:, 1, 0, 0] == (12 - 7) // 2).all() and (images[:, 2, 0, 0] == (16 - 7) // 2).all()
    assert torch.cat([batch.targets for batch in batches]).tolist() == [i % 5 for i in range(23)]
    assert [len(batch.images) for batch in batches] == [4] * 5 + [3]


def test_several_crops_lie_next_to_each_other_and_depend_on_their_image_alone() -> None:
    batches = evaluated(Ramps(target=Target.CLASS), crops=3)
    assert batches[0].images.shape == (12, 3, 7, 7)
    assert batches[0].images[:, 0, 0, 0].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert batches[0].targets.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    one = torch.cat([b.images for b in batches])
    assert torch.equal(one, torch.cat([b.images for b in evaluated(Ramps(), crops=3, batch_size=5)]))
    assert not torch.equal(one, torch.cat([b.images for b in evaluated(Ramps(), crops=3, seed=1)]))


def test_whole_images_share_a_batch_while_their_size_lasts() -> None:
    sizes = ((6, 8), (6, 8), (8, 6), (6, 8), (6, 8))
    batches = evaluated(Ramps(count=7, sizes=sizes), crop=None)
    assert [tuple(b.images.shape) for b in batches] == [(2, 3, 6, 8), (1, 3, 8, 6), (4, 3, 6, 8)]
    assert [tuple(b.targets.shape) for b in batches] == [(2, 6, 8), (1, 8, 6), (4, 6, 8)]


def test_evaluation_leaves_out_what_is_unreadable_and_says_so(broken: ImageFiles) -> None:
    noted: dict[str, str] = {}
    batches = evaluated(broken, unreadable=noted)
    assert sum(len(batch.images) for batch in batches) == 6 and len(noted) == 4


def test_the_same_scenes_resident_and_streamed() -> None:
    dataset = Subset(Scenes("validation"), np.arange(40))
    streamed = loader(dataset, crop=48, batch_size=20, resident_bytes=0)
    assert same(loader(dataset, crop=48, batch_size=20).batches(0), streamed.batches(0))
