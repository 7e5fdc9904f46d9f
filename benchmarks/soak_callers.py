"""Callers of every sort for a soak: most behave, the others go away, hurry, read slowly or send rubbish.

Each call ends in one word: right, or what it ended with. What should not be stands in `WRONG`.
"""

from __future__ import annotations

import io
import itertools
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.marks import DAMAGED, FOREIGN, NAME, RIGHT, SIDE, judge, picture
from serve.calling.requests import reconstruct_request
from serve.channel import SERVICE
from serve.pb.symae.v1 import symae_pb2 as pb

__all__ = ["WRONG", "Callers", "Tally"]

LOST, DOUBLED = "lost", "doubled"
WRONG = (FOREIGN, DAMAGED, LOST, DOUBLED)
PATIENCE = 20.0  # seconds for an answer
SIZES = ((SIDE, SIDE), (SIDE, SIDE), (SIDE, SIDE), (32, 32), (64, 40), (5, 7), (1, 3), (300, 260))
STREAMED = 12  # requests of one stream
Pixels = NDArray[np.uint8]


class Tally:
    """How calls ended; from any thread."""

    def __init__(self) -> None:
        self._words: deque[str] = deque()
        self.versions: Counter[str] = Counter()
        self.images = 0

    def add(self, word: str) -> None:
        """Count one."""
        self._words.append(word)

    def answer(self, sent: Sequence[Pixels], response: pb.ReconstructResponse) -> None:
        """Judge an answer, image by image, and count the worst word."""
        got = [np.frombuffer(i.raw.data, np.uint8).reshape(i.raw.height, i.raw.width, -1) for i in response.images]
        words = [judge(one, other) for one, other in zip(sent, got, strict=False)]
        words += [LOST] * (len(sent) - len(got)) + [DOUBLED] * (len(got) - len(sent))
        self.versions[response.answered.version] += 1
        self.images += len(got)
        self.add(next((word for word in words if word != RIGHT), RIGHT))

    @property
    def words(self) -> Counter[str]:
        """How often each."""
        return Counter(self._words)


class Callers:
    """All callers of one soak.

    Args:
        address: of the server.
        tally: where each call's end is counted.
        seed: of all chances.
    """

    def __init__(self, address: str, tally: Tally, seed: int = 0) -> None:
        self._channels = [_channel(address) for _ in range(3)]
        self._tally, self._chance, self._numbers = tally, random.Random(seed), itertools.count(1)
        self._stubs = [
            channel.unary_unary(f"/{SERVICE}/Reconstruct", _bytes, pb.ReconstructResponse.FromString)
            for channel in self._channels
        ]
        self._stream = self._channels[0].stream_stream(
            f"/{SERVICE}/StreamReconstruct",
            pb.StreamReconstructRequest.SerializeToString,
            pb.StreamReconstructResponse.FromString,
        )
        self._open: set[Any] = set()

    def one(self) -> None:
        """Make one call of some sort."""
        sort = self._chance.random()
        if sort < 0.10:
            self._goes_away()
        elif sort < 0.13:
            self._sends_rubbish()
        elif sort < 0.16:
            self._hurries()
        else:
            self._behaves()

    def closed_loop(self, at_a_time: int, seconds: float) -> float:
        """Call as fast as calls end, so many at a time; return how many ended a second."""
        began, ended = time.monotonic(), -at_a_time
        while time.monotonic() < began + seconds:
            if len(self._open) < at_a_time:
                self.one()
                ended += 1
            else:
                time.sleep(0.0005)
        return max(ended, 1) / seconds

    def stream(self, stop: threading.Event) -> None:
        """Hold streams, one after another: half-closed early, read slowly, or left in the middle."""
        while not stop.is_set():
            sent = [picture(next(self._numbers)) for _ in range(STREAMED)]
            leaves = STREAMED // 2 if self._chance.random() < 0.3 else None
            call = self._stream(self._asked(sent), timeout=PATIENCE * 3)
            try:
                self._read(call, sent, leaves, slow=self._chance.random() < 0.5)
            except grpc.RpcError as error:
                self._tally.add(f"stream {error.code().name}")

    def finish(self) -> None:
        """Wait for the last answers; what has none by then is lost."""
        ends = time.monotonic() + PATIENCE + 5
        while self._open and time.monotonic() < ends:
            time.sleep(0.05)
        for _ in self._open:
            self._tally.add(LOST)
        for channel in self._channels:
            channel.close()

    def _behaves(self) -> None:
        count = self._chance.choice((1, 1, 1, 1, 2, 5))
        height, width = self._chance.choice(SIZES)
        sent = [picture(next(self._numbers), height, width) for _ in range(count)]
        if self._chance.random() < 0.2:
            sent.append(picture(next(self._numbers), 9, 11))
        self._call(sent, self._chance.random() < 0.2)

    def _goes_away(self) -> None:
        call = self._call([picture(next(self._numbers))])
        timer = threading.Timer(self._chance.random() * 0.05, call.cancel)
        timer.daemon = True
        timer.start()

    def _hurries(self) -> None:
        self._call([picture(next(self._numbers))], timeout=self._chance.uniform(0.001, 0.02))

    def _sends_rubbish(self) -> None:
        request = reconstruct_request([picture(next(self._numbers))], model=NAME)
        sort = self._chance.randrange(4)
        if sort == 0:
            request.images[0].raw.height += 1
        elif sort == 1:
            request.images[0].encoded = b"\x89PNG\r\n\x1a\n" + bytes(200)
        elif sort == 2:
            request.images[0].encoded = _png(picture(1))[:-500]
        data = b"\xff" * 40 if sort == 3 else request.SerializeToString()
        self._send(data, PATIENCE, lambda _: self._tally.add("rubbish answered"))

    def _call(self, sent: Sequence[Pixels], encoded: bool = False, timeout: float = PATIENCE) -> Any:
        images = [_png(image) for image in sent] if encoded else sent
        data = reconstruct_request(list(images), model=NAME).SerializeToString()
        return self._send(data, timeout, lambda response: self._tally.answer(sent, response))

    def _send(self, data: bytes, timeout: float, answered: Callable[[Any], None]) -> Any:
        call = self._chance.choice(self._stubs).future(data, timeout=timeout)
        self._open.add(call)  # before it can end: callbacks that come too late are called at once

        def ended(call: Any) -> None:
            self._open.discard(call)
            code = call.code()
            if code is grpc.StatusCode.OK and not call.cancelled():
                answered(call.result())
            else:
                self._tally.add(code.name)

        call.add_done_callback(ended)
        return call

    def _asked(self, sent: Sequence[Pixels]) -> Iterator[pb.StreamReconstructRequest]:
        for image in sent:
            yield pb.StreamReconstructRequest(request=reconstruct_request([image], model=NAME))

    def _read(self, call: Any, sent: Sequence[Pixels], leaves: int | None, *, slow: bool) -> None:
        read = 0
        for response in call:
            if read == leaves:
                call.cancel()
                return
            if read == len(sent):
                self._tally.add(DOUBLED)
                return
            self._tally.answer([sent[read]], response.response)
            read += 1
            time.sleep(0.1 if slow else 0.0)
        for _ in sent[read:]:
            self._tally.add(LOST)


def _channel(address: str) -> Any:
    return grpc.insecure_channel(address, options=[("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1)])


def _bytes(data: bytes) -> bytes:
    return data


def _png(image: Pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "png", compress_level=1)
    return file.getvalue()
