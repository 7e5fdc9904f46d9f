"""What each tab computes, with a real server of toys: the auto-encoder inverts and writes 7 into holes."""

import dataclasses
import math
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from serve.errors import ModelNotFoundError, UnavailableError
from symae.errors import DataError, InputError
from symae.ui.classify import Classified, bars, classify
from symae.ui.compare import beside
from symae.ui.download import Downloads
from symae.ui.feature_map import colour
from symae.ui.features import map_of
from symae.ui.inpaint import PAINT, canvas, inpaint, painted
from symae.ui.models import absent
from symae.ui.nearest import gallery
from symae.ui.picture import open_picture
from symae.ui.restore import restore
from symae.ui.run import of_use
from symae.ui.samples import samples_of
from symae.ui.segment import areas, legend, overlay, segment
from symae.ui.tab import guarded
from symae.ui.upload import readable


def test_restore_as_it_is(backend, photo):
    done = restore(backend, photo, 0, None)
    assert (done.sent == photo.pixels).all() and (done.received == 255 - photo.pixels).all()
    assert done.before is None and "PSNR" not in done.numbers() and "toy-autoencoder" in done.numbers()


def test_restore_with_noise_measures_against_the_picture(backend, photo):
    done = restore(backend, photo, 25, "toy-autoencoder")
    assert (done.received == 255 - done.sent).all()
    assert 19 < done.before < 22 and done.after < done.before
    assert "gain" in done.numbers()


def test_a_model_that_has_gone_and_a_kind_that_is_not_there_get_a_sentence(backend, photo):
    with pytest.raises(ModelNotFoundError, match="gone is no longer served: reload the page"):
        restore(backend, photo, 0, "gone")
    client = SimpleNamespace(healthy=lambda: True, models=tuple)
    with pytest.raises(ModelNotFoundError, match="no segmenter is served"):
        segment(dataclasses.replace(backend, client=client), photo, None)
    assert all(f"symae {word}" in absent("segmenter") for word in ("train", "export", "demo"))


def test_a_server_that_has_gone_gets_a_sentence_at_once(backend, photo):
    gone = dataclasses.replace(backend, client=SimpleNamespace(healthy=lambda: False))
    with pytest.raises(UnavailableError, match="this process does not answer: is it still running"):
        restore(gone, photo, 0, None)


def test_inpaint_keeps_what_is_known(backend, photo):
    mask = np.zeros((20, 30), bool)
    mask[5:10, 5:15] = True
    done = inpaint(backend, photo, mask, None)
    assert (done.received[mask] == 7).all() and (done.received[~mask] == photo.pixels[~mask]).all()
    assert done.missing == pytest.approx(50 / 600)
    error = np.mean((photo.pixels[mask].astype(float) - 7) ** 2)
    assert done.inside == pytest.approx(10 * math.log10(255**2 / error), abs=0.01)


def test_nothing_to_fill_gets_a_sentence(backend, photo):
    with pytest.raises(InputError, match="nothing is missing yet"):
        inpaint(backend, photo, np.zeros((20, 30), bool), None)


@pytest.mark.parametrize("size", [(20, 30), (1500, 40)])
def test_what_is_painted_and_the_blocks_that_were_taken_are_missing(photo, size):
    picture = dataclasses.replace(photo, pixels=np.zeros((*size, 3), np.uint8))
    blocks = np.zeros(size, bool)
    blocks[4:12, 8:24] = True
    value = canvas(picture, blocks)
    height, width = value["background"].shape[:2]
    assert max(height, width) <= 1024 and (value["background"] == PAINT).all(2).any()
    assert (canvas(picture)["background"] == 0).all() and canvas(None) is None
    layer = np.zeros((height, width, 4), np.uint8)
    layer[: height // 2, :, 3] = 255
    back = painted(value | {"layers": [layer]}, picture, blocks)
    assert back[: size[0] // 2].all() and (back[size[0] // 2 + 1 :] == blocks[size[0] // 2 + 1 :]).all()
    assert not painted(value, picture).any() and (painted(None, picture, blocks) == blocks).all()


def test_segment_names_areas_and_draws_borders(backend, photo):
    done = segment(backend, photo, None)
    assert (done.labels == photo.pixels.argmax(2)).all()
    found = areas(done.labels, done.model.classes, done.model.colours)
    assert sum(area.pixels for area in found) == 600 and sum(area.share for area in found) == pytest.approx(1)
    assert found == sorted(found, key=lambda area: -area.pixels)
    assert legend(done).count("<tr") == 4 and "middling" in legend(done)
    assert 'type="range"' in done.view(None) and done.view(1) != done.view(None)


def test_an_overlay_of_one_class_leaves_the_others_pale():
    image, labels = np.full((480, 480, 3), 100, np.uint8), np.zeros((480, 480), np.uint8)
    labels[:, 240:] = 1
    drawn = overlay(image, labels, ((0, 0, 0), (200, 0, 0)), only=1)
    assert (drawn[:, :200] == drawn[0, 0]).all() and drawn[0, 0, 0] > 200 and drawn[0, 400, 0] > drawn[0, 400, 1]
    assert (drawn[:, 239] != drawn[:, 238]).any()
    large = overlay(image.repeat(5, 0), labels.repeat(5, 0), ((0, 0, 0), (200, 0, 0)))
    assert large.shape == (1600, 320, 3) and large[0, 0, 0] < 100 < large[0, -1, 0]


def test_bars_are_in_order_and_say_what_is_left_out(backend, photo):
    done = classify(backend, photo, None)
    assert done.probabilities.sum() == pytest.approx(1)
    shown = bars(done)
    order = np.argsort(-done.probabilities)
    assert shown.index(done.model.classes[order[0]]) < shown.index(done.model.classes[order[1]])
    many = dataclasses.replace(done.model, classes=tuple(f"c{n}" for n in range(12)), multi_label=True)
    shown = bars(Classified(np.full(12, 0.5, np.float32), many, 0.1))
    assert "2 less likely classes are not shown" in shown and "probability of its own" in shown


def test_neighbours_are_the_like_colours_and_lost_files_are_said(backend, table, pictures):
    picture = open_picture(pictures / "red.png", known=True)
    answer = backend.client.embed([picture.pixels])
    near = table.near(answer, picture, 8, centred=False)
    assert [neighbour.row.path.rsplit("/")[-1] for neighbour in near[:1]] == ["orange.png"]
    assert all("red.png" not in neighbour.row.path for neighbour in near) and len(near) == 4
    html = gallery(table, near)
    assert html.count("<img") == 3 and html.count("no file here") == 1
    uploaded = table.near(answer, dataclasses.replace(picture, path=None), 1, centred=True)
    assert uploaded[0].row.path.endswith("red.png") and uploaded[0].score == pytest.approx(1, abs=1e-3)


def test_a_table_of_another_encoder_gets_a_sentence(backend, table):
    assert table.encoder(backend.models()).name == "toy-encoder"
    for change in ({"name": "other"}, {"version": "2"}):
        models = [dataclasses.replace(info, **change) for info in backend.models()]
        with pytest.raises(InputError, match=r"parquet were made by toy-encoder version 1, which is not served here"):
            table.encoder(models)


def test_a_feature_map_is_coloured_by_its_components(backend, photo):
    coloured, _ = map_of(backend, photo.pixels, backend.pick("encoder", None))
    assert coloured.pixels.shape == (20, 30, 3) and coloured.explained == pytest.approx(1)
    red = coloured.pixels[:, :, 0].astype(float)  # the largest component is that of x or of y
    assert min(np.ptp(red, axis=0).max(), np.ptp(red, axis=1).max()) < 30


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 1, 5), (5, 3, 1)])
def test_feature_maps_of_any_size_have_colours(shape):
    found = colour(np.random.default_rng(0).normal(size=shape).astype(np.float32))
    assert found.pixels.shape == (*shape[1:], 3)
    assert (colour(np.ones(shape, np.float32)).pixels == 128).all()


def test_a_slider_has_names_and_can_be_moved_by_keys():
    html = beside(np.zeros((4, 6, 3), np.uint8), np.ones((4, 6, 3), np.uint8), ("with <b>", "without"))
    assert 'type="range"' in html and 'aria-label="with &lt;b&gt; to the left, without to the right"' in html


def test_samples_are_photographs_and_some_of_a_folder(pictures, tmp_path):
    samples = samples_of(pictures)
    assert {"cat", "coffee"} <= {sample.name for sample in samples}
    assert [sample.name for sample in samples if sample.own] == ["blue", "green", "orange", "red"]
    assert samples[-1].open().path == (pictures / "red.png").resolve() and samples[0].open().path is None
    with pytest.raises(DataError, match=r"no picture in .*: give --samples a folder with pictures"):
        samples_of(tmp_path / "nothing")


def test_a_broken_sample_is_left_out(pictures, tmp_path):
    (tmp_path / "broken.png").write_text("no picture")
    shutil.copy(pictures / "red.png", tmp_path / "red.png")
    own = [sample for sample in samples_of(tmp_path) if sample.own]
    assert [sample.name for sample, _ in readable(own)] == ["red"] and len(own) == 2


def test_what_is_found_and_of_no_use_is_said_and_what_was_asked_for_is_an_error(tmp_path):
    said = []
    assert of_use(samples_of, None, tmp_path, said.append) == samples_of(None)
    assert "not used: no picture in" in said[0]
    with pytest.raises(DataError, match="no picture in"):
        of_use(samples_of, tmp_path, tmp_path, said.append)


@pytest.mark.parametrize("name", ["a" * 300, "é" * 200, "nul\0byte", "half \ud800 of a pair"])
def test_a_result_is_written_whatever_the_picture_is_called(photo, tmp_path, name):
    update = Downloads(tmp_path).file(dataclasses.replace(photo, name=f"{name}.png"), "filled", photo.pixels)
    assert Path(update["value"]).is_file() and update["value"].endswith("-filled.png")


def test_a_handler_never_raises():
    assert guarded(("",), lambda: ("fine",))() == ("fine", "")
    empty, sentence = guarded(("",), lambda: 1 / 0)()
    assert empty == "" and "ZeroDivisionError" in sentence
