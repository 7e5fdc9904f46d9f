"""Take the pictures of docs/ui.md: each tab of `symae ui` in a headless Chromium, with real models.

symae demo --out DEMO                          # once, some minutes: models, scenes and a table of features
python -m benchmarks.screenshots DEMO          # writes docs/ui/*.jpg
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from serve.channel import Access
from serve.shipped import shipped_models
from symae.ui.run import Options, page_at

ROOT = Path(__file__).parents[1]
OUT = ROOT / "docs" / "ui"
SIZE = {"width": 1200, "height": 800}
NARROW = {"width": 390, "height": 844}
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
QUALITY = 80  # of JPEG: as PNG they have half a megabyte each


def main(demo: Path) -> None:
    OUT.mkdir(exist_ok=True)
    with opened(shipped_models(), SIZE) as page:
        shot(page, "restore", restore)
        shot(page, "inpaint", inpaint)
    with opened(demo / "models", SIZE, "dark") as page:
        shot(page, "segment", lambda page: scene(page, "0059", "Segment", ".legend"))
    with opened(demo / "models", SIZE) as page:
        shot(page, "classify", lambda page: scene(page, "0299", "Classify", ".bars"))
        shot(page, "features", lambda page: scene(page, "cat", "Features", ".near"))
    with opened(shipped_models(), NARROW) as page:
        shot(page, "narrow", narrow)


def restore(page: Page) -> None:
    sample(page, "cat")
    page.get_by_role("button", name="Restore", exact=True).click()
    page.locator(".compare").wait_for()


def inpaint(page: Page) -> None:
    page.get_by_role("tab", name="Inpaint").click()
    page.locator("#hole canvas").first.wait_for()
    page.get_by_role("button", name="Many small blocks").click()
    page.wait_for_timeout(4000)
    page.get_by_role("button", name="Fill the hole").click()
    page.locator(".compare:visible").wait_for()


def scene(page: Page, name: str, tab: str, result: str) -> None:
    sample(page, name)
    page.get_by_role("tab", name=tab).click()
    page.locator("button.primary:visible").click()
    page.locator(result).wait_for()


def narrow(page: Page) -> None:
    restore(page)
    page.locator(".tiles").scroll_into_view_if_needed()


def sample(page: Page, name: str) -> None:
    page.locator("#samples button", has_text=name).click()
    page.locator("#about").get_by_text(name).wait_for()
    page.wait_for_timeout(500)


def shot(page: Page, name: str, act: Callable[[Page], None]) -> None:
    act(page)
    page.mouse.move(0, 0)
    page.wait_for_timeout(800)
    path = OUT / f"{name}.jpg"
    taken = Image.open(io.BytesIO(page.screenshot(full_page=name != "narrow"))).convert("RGB")
    taken.save(path, "JPEG", quality=QUALITY, optimize=True, progressive=True)
    print(f"{path}: {path.stat().st_size // 1000} kB, {taken.width} x {taken.height}")


@contextmanager
def opened(models: Path, size: dict[str, int], scheme: str = "light") -> Iterator[Page]:
    path = os.environ.get("SYMAE_CHROMIUM") or shutil.which("chromium")
    with tempfile.TemporaryDirectory(prefix="symae-ui-") as scratch:
        options = Options(models, None, None, None, "127.0.0.1", 0, Access(), Path(scratch))
        with page_at(options, print) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
            page = browser.new_page(viewport=size, color_scheme=scheme)
            page.set_default_timeout(120_000)
            page.goto(url)
            page.locator(".served").wait_for()
            yield page
            browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
