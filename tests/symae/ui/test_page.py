"""The page in a real browser: one server of toys, one page, each tab as a visitor uses it."""

import json
import os
import shutil
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
from PIL import Image

from serve.channel import Access
from symae.ui.run import Options, page_at, run_until_stopped

CHROMIUM = os.environ.get("SYMAE_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
         "--disable-component-update", "--disable-sync"]  # fmt: skip


pytestmark = pytest.mark.filterwarnings("ignore:'future.no_silent_downcasting':DeprecationWarning")  # in Gradio


def soon(holds):
    """Wait until something holds; a busy machine may take long."""
    for _ in range(300):
        if holds():
            return True
        time.sleep(0.1)
    return False


def at_once(number):
    os.kill(os.getpid(), number)


def later(number):
    threading.Timer(0.2, os.kill, (os.getpid(), number)).start()


def to_another_thread(number):
    threading.Timer(0.2, lambda: signal.pthread_kill(threading.get_ident(), number)).start()


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(
    ("number", "send"), [(signal.SIGINT, at_once), (signal.SIGTERM, later), (signal.SIGINT, to_another_thread)]
)
def test_a_signal_ends_the_page_and_its_server(models, tmp_path, number, send):
    said = []

    def say(line):
        said.append(line)
        if line.startswith("open http"):
            send(number)

    before = threading.active_count()
    run_until_stopped(Options(models, None, None, None, "127.0.0.1", 0, Access(), tmp_path), say)
    assert said[-1] == "stopping"
    assert os.environ.get("GRADIO_TEMP_DIR") != str(tmp_path)
    assert soon(lambda: threading.active_count() <= before + 1)  # a thread of the runtime's may stay
    port = int(said[0].split(":")[2].split()[0])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


@pytest.fixture(scope="module")
def chromium():
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt install chromium, or its path in SYMAE_CHROMIUM")
    return CHROMIUM


@pytest.fixture(scope="module")
def called():
    """Hosts that this process asked for or connected to while the page was up."""
    seen, on = [], [True]

    def hook(event, arguments):
        if on and event in ("socket.connect", "socket.getaddrinfo"):
            place = arguments[1] if event == "socket.connect" else arguments
            seen.append(str(place[0] if isinstance(place, tuple) else place))

    sys.addaudithook(hook)
    yield seen
    on.clear()


@pytest.fixture(scope="module")
def url(models, features, pictures, tmp_path_factory, called):
    scratch = tmp_path_factory.mktemp("scratch")
    options = Options(models, None, None, None, "127.0.0.1", 0, Access(), scratch)
    with page_at(options, print) as url:
        yield url


def sent(url, path):
    """Claim that a file was uploaded; gives the server's last word on it."""
    with urllib.request.urlopen(f"{url}/config", timeout=120) as answer:
        config = json.load(answer)
    picture = next(part["id"] for part in config["components"] if part["props"].get("elem_id") == "picture")
    number = next(event["id"] for event in config["dependencies"] if [picture, "input"] in event["targets"])
    file = {"path": str(path), "meta": {"_type": "gradio.FileData"}}
    body = json.dumps({"data": [file], "fn_index": number, "session_hash": "visitor"}).encode()
    api = f"{url}/gradio_api/queue"
    urllib.request.urlopen(urllib.request.Request(f"{api}/join", body, {"Content-Type": "application/json"})).close()
    with urllib.request.urlopen(f"{api}/data?session_hash=visitor", timeout=120) as events:
        return json.loads(next(line for line in events if b"process_completed" in line).removeprefix(b"data: "))


def test_what_was_not_uploaded_is_not_read(url, pictures):
    event = sent(url, pictures / "red.png")
    assert not event["success"] and "red.png: " not in json.dumps(event)


def test_nothing_is_fetched_for_a_visitor(url, called):
    assert not sent(url, "http://pictures.invalid/a.png")["success"]
    for relay in ("file=https://pictures.invalid/a.png", "file%3Dhttp:/pictures.invalid", "proxy=https://a.hf.space/"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{url}/gradio_api/{relay}", timeout=120)
    assert not any("invalid" in place or "space" in place for place in called)


@pytest.fixture(scope="module")
def told():
    """What the page asked of which URL, and what its console complained of."""
    return {"requests": [], "errors": []}


@pytest.fixture(scope="module")
def page(url, chromium, told):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1200, "height": 700})
        page.set_default_timeout(120_000)
        page.on("request", lambda request: told["requests"].append(request.url))
        page.on("console", lambda message: message.type == "error" and told["errors"].append(message.text))
        page.on("pageerror", lambda error: told["errors"].append(str(error)))
        page.goto(url)
        page.get_by_text("toy-autoencoder").first.wait_for()
        yield page
        browser.close()


def upload(page, path, said):
    page.locator("#picture input[type=file]").set_input_files(path)
    page.locator("#about").get_by_text(said).wait_for()


def act(page, tab, button):
    page.get_by_role("tab", name=tab).click()
    page.get_by_role("button", name=button, exact=True).click()


@pytest.fixture
def photo_file(tmp_path):
    y, x = np.mgrid[:60, :90]
    pixels = np.stack([2 * x, 4 * y, 100 + 0 * x], axis=2).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_a_picture_is_uploaded_and_restored(page, photo_file):
    act(page, "Restore", "Restore")
    page.get_by_text("First drop a picture, or take one of the samples.").wait_for()
    upload(page, photo_file, "photo.png: 90 × 60 pixels, colour.")
    act(page, "Restore", "Restore")
    page.get_by_text("PSNR restored").wait_for()
    slider = page.get_by_role("slider", name="with noise to the left, restored to the right")
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert slider.input_value() == "51"
    assert "51%" in page.locator(".compare").first.get_attribute("style")
    with page.expect_download() as download:
        page.get_by_text("Download as PNG").click()
    with Image.open(download.value.path()) as result:
        assert result.size == (90, 60)


def test_a_picture_is_segmented_and_one_class_shown(page):
    act(page, "Segment", "Segment")
    page.locator(".legend").get_by_text("middling").wait_for()
    assert page.locator(".legend tbody tr").count() == 3


def test_a_picture_is_classified(page):
    act(page, "Classify", "Classify")
    page.locator(".bars").get_by_text("bright").wait_for()


def test_a_sample_has_neighbours_and_a_feature_map(page):
    page.locator("#samples button", has_text="red").click()
    page.locator("#about").get_by_text("red.png: 24 × 20 pixels").wait_for()
    page.locator(".bars").wait_for(state="detached")  # the answers for the picture before have gone
    act(page, "Features", "Find neighbours")
    page.locator(".near li").nth(3).wait_for()
    assert "orange.png" in page.locator(".near li").first.inner_text()
    page.get_by_role("slider", name="picture to the left, feature map to the right").wait_for()


def paint(page, canvas):
    """Paint a stroke and have it filled; the editor takes none before it is ready, and says so nowhere."""
    box = canvas.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 30, y)
    page.mouse.down()
    page.mouse.move(x + 30, y + 10, steps=4)
    page.mouse.up()
    act(page, "Inpaint", "Fill the hole")
    answer = page.get_by_text("PSNR in the hole, filled").or_(page.get_by_text("Nothing is missing yet"))
    answer.filter(visible=True).first.wait_for()
    return True


def test_a_hole_is_painted_and_filled(page):
    page.get_by_role("tab", name="Inpaint").click()
    canvas = page.locator("#hole canvas").first
    canvas.wait_for()
    page.get_by_role("button", name="Many small blocks").wait_for()
    filled = page.get_by_text("PSNR in the hole, filled")
    assert soon(lambda: paint(page, canvas) and filled.is_visible())
    assert page.locator(".tiles:visible dd").first.inner_text() != "0.0 %"


def test_a_broken_file_gets_a_sentence(page, tmp_path):
    (tmp_path / "letter.jpg").write_text("Dear all, this is no picture.")
    upload(page, tmp_path / "letter.jpg", "letter.jpg cannot be read: not an image, or of an unknown format.")


def test_a_narrow_screen_needs_no_scrolling_sideways(page):
    page.set_viewport_size({"width": 360, "height": 740})
    wide = "[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > 361)"
    assert page.evaluate("document.documentElement.scrollWidth") <= 360, page.evaluate(
        f"{wide}.map(e => e.id + e.className)"
    )


def test_nothing_was_asked_of_anybody_else_and_nothing_went_wrong(page, url, told, called):
    foreign = [asked for asked in told["requests"] if not asked.startswith((url, "data:", "blob:"))]
    assert not foreign and told["requests"]
    assert not told["errors"]
    assert set(called) <= {"127.0.0.1", "localhost", "::1", "0.0.0.0", ""} | {socket.gethostname()}
