from pathlib import Path

from PIL import Image

from benchmarks.before_after import OUT, restore


def test_the_figures_beside_the_picture_are_what_the_shipped_model_reaches(tmp_path):
    figures = restore(tmp_path / "restored.webp")
    caption = " ".join((Path(__file__).parents[2] / "docs" / "index.md").read_text().split())
    assert "from {:.1f} to {:.1f} dB. Holes".format(*figures["noise"]) in caption
    assert "from {:.1f} to {:.1f} dB over the missing pixels".format(*figures["holes"]) in caption
    with Image.open(tmp_path / "restored.webp") as made, Image.open(OUT) as shown:
        assert made.size == shown.size
