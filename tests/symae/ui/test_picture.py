import io

import numpy as np
import pytest
from PIL import Image

from symae.errors import DataError, InputError
from symae.ui.picture import chosen, enlarged, factor, open_picture, reduced, shown

RGB = Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8))


def saved(tmp_path, image, name, **options):
    image.save(tmp_path / name, **options)
    return tmp_path / name


@pytest.mark.parametrize(
    ("make", "name", "said"),
    [
        (lambda: RGB, "a.png", "a.png: 9 × 6 pixels, colour."),
        (lambda: Image.new("RGB", (1, 1)), "one.png", "1 × 1 pixels, colour."),
        (lambda: RGB.convert("L"), "a.png", "pixels, gray."),
        (lambda: Image.fromarray(np.full((6, 9), 40000, np.uint16)), "a.png", "gray; its many shades became 256."),
        (lambda: RGB.convert("CMYK"), "a.jpg", "colour; its printing inks became red, green and blue."),
        (lambda: RGB.convert("P"), "a.png", "pixels, colour."),
        (lambda: RGB.convert("RGBA"), "a.png", "colour; what is transparent lies on white."),
    ],
)
def test_odd_pictures_are_read_and_said(tmp_path, make, name, said):
    picture = open_picture(saved(tmp_path, make(), name))
    assert picture.about.endswith(said)
    assert picture.pixels.dtype == np.uint8 and picture.pixels.shape[2] == 3


def test_a_turned_picture_is_upright(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    picture = open_picture(saved(tmp_path, RGB, "a.jpg", exif=exif))
    assert picture.pixels.shape == (9, 6, 3)
    assert "turned upright" in picture.about


def test_of_an_animation_the_first_frame_is_taken(tmp_path):
    frames = [Image.new("RGB", (5, 4), colour) for colour in ("red", "green", "blue")]
    picture = open_picture(saved(tmp_path, frames[0], "a.gif", save_all=True, append_images=frames[1:]))
    assert "the first of its 3 frames" in picture.about


@pytest.mark.parametrize("data", [b"", b"Dear all, this is no picture", None], ids=["empty", "text", "truncated"])
def test_a_broken_file_gets_a_sentence(tmp_path, data):
    whole = io.BytesIO()
    RGB.resize((200, 200)).save(whole, "JPEG")
    (tmp_path / "letter.jpg").write_bytes(whole.getvalue()[:900] if data is None else data)
    with pytest.raises(DataError, match=r"^letter.jpg cannot be read: .*\. Expected is a whole JPEG, PNG.* file\.$"):
        open_picture(tmp_path / "letter.jpg")


def test_a_file_that_has_gone_gets_a_sentence(tmp_path):
    with pytest.raises(DataError, match=r"^no\.png cannot be read: No such file"):
        open_picture(tmp_path / "no.png")


def test_a_gray_picture_stays_gray(tmp_path):
    picture = open_picture(saved(tmp_path, RGB.convert("L"), "a.png"))
    answer = picture.like(np.asarray(RGB))
    assert (answer == answer[:, :, :1]).all() and answer.shape == (6, 9, 3)


def test_only_what_is_larger_than_a_screen_is_reduced():
    assert shown(np.zeros((1000, 1600, 3), np.uint8)).shape == (1000, 1600, 3)
    assert shown(np.zeros((2160, 3840, 3), np.uint8)).shape == (900, 1600, 3)
    assert shown(np.zeros((1, 4000, 3), np.uint8)).shape == (1, 1600, 3)
    assert reduced(np.zeros((2160, 3840, 3), np.uint8), 768).shape == (432, 768, 3)


def test_small_pictures_are_enlarged_to_squares():
    small = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert factor(small, 10) == 3 and factor(np.zeros((500, 20)), 300) == 1
    assert (enlarged(small, 3)[::3, ::3] == small).all()


def test_without_a_picture_one_is_asked_for():
    with pytest.raises(InputError, match="first drop a picture"):
        chosen(None)
