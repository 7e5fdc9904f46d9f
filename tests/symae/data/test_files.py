from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from symae.data import Target, UnreadableImage
from symae.data.files import ImageFiles
from symae.data.paths import PathList, scan_images
from symae.errors import DataError


@pytest.mark.parametrize("channels", [1, 3])
def test_every_format_becomes_the_same_kind_of_array(tmp_path: Path, channels: int) -> None:
    ramp = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
    Image.fromarray(ramp).save(tmp_path / "gray.png")
    Image.fromarray(ramp).convert("RGB").save(tmp_path / "colour.jpg")
    Image.fromarray(ramp).convert("P").save(tmp_path / "palette.gif")
    Image.fromarray(ramp).convert("RGBA").save(tmp_path / "clear.webp", lossless=True)
    Image.fromarray(ramp.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    Image.fromarray(ramp).convert("CMYK").save(tmp_path / "print.tif")
    dataset = ImageFiles("mixed", channels, scan_images(tmp_path))
    assert len(dataset) == 6
    for index in range(6):
        image = dataset[index].image
        assert image.shape == (6, 8, channels) and image.dtype == np.uint8
        assert np.abs(image.astype(int) - ramp[:, :, None]).max() <= 12, dataset.path(index)


def test_a_turned_camera_shows_an_upright_picture(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((6, 8, 3), np.uint8)).save(tmp_path / "turned.jpg", exif=exif)
    assert ImageFiles("turned", 3, scan_images(tmp_path))[0].image.shape == (8, 6, 3)


def test_what_cannot_be_read_says_where_and_why(tmp_path: Path, write) -> None:
    whole = write("whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.jpg").write_text("not an image")
    (tmp_path / "void.jpg").touch()
    dataset = ImageFiles("broken", 3, PathList.of(tmp_path, ["cut.png", "text.jpg", "void.jpg", "gone.jpg"]))
    for index, cause in enumerate(("broken image", "not an image", "empty", "No such file")):
        with pytest.raises(UnreadableImage, match=cause) as caught:
            dataset[index]
        assert caught.value.path == dataset.path(index)


def test_a_label_map_of_another_size_is_the_users_error(tmp_path: Path, write, write_map) -> None:
    write("a.png", (4, 6))
    write_map("maps/a.png", np.zeros((4, 5)))
    maps = scan_images(tmp_path / "maps")
    dataset = ImageFiles("m", 3, PathList.of(tmp_path, ["a.png"]), Target.MAP, ("x",), ((0, 0, 0),), maps=maps)
    with pytest.raises(DataError, match=r"4 x 6 pixels but its label map .* 4 x 5"):
        dataset[0]


def test_the_fingerprint_follows_names_sizes_and_labels(tmp_path: Path, write) -> None:
    path = write("a.png")

    def fingerprint(labels: list[int]) -> str:
        paths = scan_images(tmp_path)
        return ImageFiles("f", 3, paths, Target.CLASS, ("x", "y"), labels=np.array(labels)).fingerprint()

    first = fingerprint([0])
    assert first == fingerprint([0])
    assert first != fingerprint([1])
    path.write_bytes(path.read_bytes() + b"\0")
    second = fingerprint([0])
    path.rename(tmp_path / "b.png")
    assert len({first, second, fingerprint([0])}) == 3
