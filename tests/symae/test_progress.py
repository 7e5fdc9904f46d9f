import io
import time
from types import SimpleNamespace

import pytest
from rich.console import Console

from symae.progress import Progress, decoding_news


def test_decoding_tells_how_far_it_is_how_fast_and_how_long_still():
    lines: list[str] = []
    tell = decoding_news(lines.append, began=time.monotonic() - 10)
    tell(1000, 4000)
    tell(1001, 4000)  # too soon after the first
    assert lines == ["decoded 1,000 of 4,000 images, 100 images/s, 0:00:30 left"]


def test_what_is_quick_says_nothing():
    lines: list[str] = []
    decoding_news(lines.append)(10, 10)
    assert not lines


@pytest.mark.parametrize(("waited", "told"), [(3.0, ", 30% waiting for data"), (0.4, "")])
def test_a_line_tells_the_rate_of_all_devices_what_was_waited_and_what_is_left(monkeypatch, waited, told):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    loader = type("Loader", (), {"images_a_step": 128, "data_wait": 2.0, "__len__": lambda _: 10})()
    console = Console(file=io.StringIO(), width=200)
    bar = Progress(loader, console)
    trainer = SimpleNamespace(global_step=0, current_epoch=0, max_epochs=3)
    bar.on_train_start(trainer, None)
    now[0], trainer.global_step, loader.data_wait = 140.0, 10, 2.0 + 4 * waited
    bar.on_train_batch_end(trainer, None, None, None, 9)
    assert console.file.getvalue() == f"epoch 1/3  step 10/30  32 images/s{told}  0:01:20 left\n"


def test_where_steps_take_in_more_images_from_an_epoch_on_the_rate_is_of_those(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    loader = type("Loader", (), {"images_a_step": 64, "data_wait": 0.0, "__len__": lambda _: 100})()
    console = Console(file=io.StringIO(), width=200)
    bar = Progress(loader, console)
    trainer = SimpleNamespace(global_step=0, current_epoch=0, max_epochs=2)
    bar.on_train_start(trainer, None)
    for seconds, step, size in ((110.0, 100, 64), (120.0, 101, 256), (160.0, 121, 256)):
        now[0], trainer.global_step, loader.images_a_step = seconds, step, size
        bar.on_train_batch_end(trainer, None, None, None, 0)
    assert console.file.getvalue() == "epoch 1/2  step 121/200  128 images/s  0:02:38 left\n"
