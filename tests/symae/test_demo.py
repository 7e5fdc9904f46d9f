"""The end-to-end path through the real parts: train, export, verify, serve, call, extract, show."""

import re

import pytest

from symae.demo import PLAN, run_demo


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo")
    news: list[str] = []
    return run_demo(out, PLAN.smoke(), say=news.append), news


def test_the_chain_runs_and_leaves_what_it_promises(demo):
    page, _ = demo
    models = {path.name for path in (page.parent / "models").iterdir()}
    assert {"photos-autoencoder", "photos-encoder", "scenes-classify-classifier", "scenes-segment-segmenter"} <= models
    assert (page.parent / "features.parquet").stat().st_size > 0
    for run in ("photos", "scenes-classify", "scenes-classify-scratch", "scenes-segment", "scenes-segment-scratch"):
        assert (page.parent / "runs" / run / "model.safetensors").exists()


def test_the_page_stands_alone_and_shows_every_part(demo):
    text = demo[0].read_text()
    for heading in ("Denoising", "Inpainting", "Segmentation", "Classification", "help?", "Neighbours", "Latency"):
        assert re.search(rf"<h2>[^<]*{re.escape(heading)}", text), heading
    outside = re.findall(r"""(?:src|href)\s*=\s*["'](?!data:|#)([^"']*)""", text)
    assert not outside
    assert "nan" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", text)


def test_a_demo_that_is_started_again_keeps_what_it_has_trained(demo):
    page, _ = demo
    before = (page.parent / "runs" / "photos" / "model.safetensors").stat().st_mtime_ns
    again: list[str] = []
    run_demo(page.parent, PLAN.smoke(), say=again.append)
    assert (page.parent / "runs" / "photos" / "model.safetensors").stat().st_mtime_ns == before
