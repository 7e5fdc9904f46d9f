"""Real processes; what they do is so small that they take no time."""

import dataclasses
import os
import signal
import threading
import time
from multiprocessing.context import ForkServerProcess

import pytest

from symae.errors import DataError, FailureError, Interrupted, PeerLost
from symae.launch import launch
from symae.recipes import find
from symae.request import Request

REQUEST = Request(find("pretrain"), data=None, out=None, devices=2)


def tell_and_return(request, say):
    say(f"process {request.world.rank} of {request.world.size}")
    return request.world.rank * 10 + 1


def fail_in_one(request, say):
    if request.world.rank == 1:
        raise DataError("one image is bad")
    time.sleep(0.2)
    raise PeerLost("another process has ended")


def hang_where_one_fails(request, say):
    if request.world.rank == 0:
        time.sleep(600)
    raise ValueError("a bug")


def be_killed(request, say):
    if request.world.rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    raise PeerLost("another process has ended")


def stop_when_told(request, say):
    signals = []
    signal.signal(signal.SIGTERM, lambda number, _: signals.append(number))
    say(f"{request.world.rank} ready, {os.getpid()}")
    while not signals:
        time.sleep(0.01)
    return signals


def sleep_long(request, say):
    say("sleeping")
    time.sleep(600)


def test_each_process_knows_who_it_is_and_the_first_ones_result_counts():
    lines = []
    assert launch(tell_and_return, REQUEST, lines.append) == 1
    assert sorted(lines) == ["process 0 of 2", "process 1 of 2"]


def test_one_failure_ends_all_and_is_the_one_that_is_told(monkeypatch):
    with pytest.raises(DataError, match="one image is bad"):
        launch(fail_in_one, REQUEST, print)
    monkeypatch.setattr("symae.launch.GRACE", 0.1)
    with pytest.raises(ValueError, match="a bug") as caught:
        launch(hang_where_one_fails, REQUEST, print)
    assert "hang_where_one_fails" in caught.value.__notes__[0]  # the traceback, for whoever mends it


def test_a_process_that_was_killed_is_named():
    with pytest.raises(FailureError, match=r"symae-1 .* was ended by SIGKILL .*memory.*--resume"):
        launch(be_killed, REQUEST, print)


def test_a_signal_is_passed_on_once_to_each():
    ready = []

    def say(line: str) -> None:
        ready.append(line)
        if len(ready) == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    assert launch(stop_when_told, REQUEST, say) == [signal.SIGTERM]
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_before_anything_was_begun_ends_it():
    with pytest.raises(Interrupted, match=r"SIGINT .*nothing to save"):
        launch(sleep_long, REQUEST, lambda _: os.kill(os.getpid(), signal.SIGINT))


def test_signals_are_left_alone_outside_the_main_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(launch(tell_and_return, REQUEST, lambda _: None)))
    thread.start()
    thread.join()
    assert found == [1]


def test_more_than_two():
    assert launch(tell_and_return, dataclasses.replace(REQUEST, devices=3), lambda _: None) == 1


def test_nothing_is_left_running_where_what_is_said_cannot_be_told():
    processes = []

    def broken_pipe(line: str) -> None:
        processes.append(int(line.split()[-1]))
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        launch(stop_when_told, REQUEST, broken_pipe)
    with pytest.raises(ProcessLookupError):
        os.kill(processes[0], 0)


def test_a_signal_while_the_first_is_started_begins_no_more(monkeypatch):
    begun = []
    start = ForkServerProcess.start
    monkeypatch.setattr(
        ForkServerProcess,
        "start",
        lambda process: (begun.append(process), start(process), os.kill(os.getpid(), signal.SIGTERM)),
    )
    with pytest.raises(Interrupted, match=r"SIGTERM .*nothing to save"):
        launch(sleep_long, REQUEST, lambda _: None)
    assert len(begun) == 1 and not begun[0].is_alive()
