"""Streams: order, bounded window, faults, drain. Unary faults are in test_service.py."""

import asyncio
import contextlib
import itertools
import threading
import time

import grpc
import numpy as np
import pytest
from google.rpc.error_details_pb2 import RequestInfo
from google.rpc.status_pb2 import Status

from serve import errors
from serve.calling.requests import embed_request, reconstruct_request, segment_request
from serve.client import AsyncClient, Client
from serve.config import ServeConfig
from serve.pb.symae.v1 import symae_pb2 as pb
from serve.server import load_sessions, running


def gray(value, size=4):
    return np.full((size, size, 3), value, np.uint8)


def test_answers_come_in_the_order_of_the_requests(client):
    requests = (embed_request([gray(i % 256, size=1 + i % 7)] * (1 + i % 3)) for i in range(300))
    answers = [answer.embeddings for answer in client.stream_embed(requests)]
    assert [len(answer) for answer in answers] == [1 + i % 3 for i in range(300)]
    assert [round(float(answer[0, 0]) * 255) for answer in answers] == [i % 256 for i in range(300)]


def test_every_call_has_its_stream(client):
    assert [int(r.images[0][0, 0, 0]) for r in client.stream_reconstruct([reconstruct_request([gray(5)])])] == [250]
    assert [r.labels[0].shape for r in client.stream_segment([segment_request([gray(5)])] * 2)] == [(4, 4)] * 2


def test_an_empty_stream_ends(client):
    assert list(client.stream_embed([])) == []


def test_a_fault_ends_the_stream_after_the_answers_before_it(client):
    requests = [
        embed_request([gray(1)]),
        embed_request([gray(2)]),
        embed_request([b"broken"]),
        embed_request([gray(3)]),
    ]
    answers = client.stream_embed(requests)
    assert [round(float(next(answers).embeddings[0, 0]) * 255) for _ in range(2)] == [1, 2]
    with pytest.raises(errors.RequestError, match=r"images\[0\].encoded: not an image"):
        next(answers)


def test_bytes_that_are_no_message_end_the_stream(client):
    call = client._channel.stream_stream("/symae.v1.SymaeService/StreamEmbed")(iter([b"\xff\xff"]), timeout=10)
    with pytest.raises(grpc.RpcError) as error:
        next(call)
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_the_window_is_bounded_for_a_reader_that_does_not_read(client, config):
    sent = itertools.count()
    requests = (
        embed_request([np.zeros((64, 64, 3), np.uint8)], feature_maps=True) for _ in iter(lambda: next(sent), 5000)
    )
    answers = client.stream_embed(requests)
    next(answers)
    time.sleep(0.5)
    before = next(sent)
    assert before < 1000  # the rest of 5000 waits at the client: window and transport buffers are full
    answers.close()


def test_asyncio_client(address):
    async def main():
        async with AsyncClient(address, timeout=20) as client:
            models, vectors = await asyncio.gather(client.models(), client.embed([gray(51)]))
            assert len(models) == 4
            assert vectors.embeddings[0, 0] == pytest.approx(0.2)
            with pytest.raises(errors.ModelNotFoundError):
                await client.embed([gray(1)], model="none")

            async def requests():
                for value in range(50):
                    yield embed_request([gray(value)])

            got = [round(float(answer.embeddings[0, 0]) * 255) async for answer in client.stream_embed(requests())]
            assert got == list(range(50))

    asyncio.run(main())


def test_draining_answers_what_a_stream_asked_and_then_says_unavailable(repository):
    config = ServeConfig(address="localhost:0", threads=1, grace=10)
    asked, drained = threading.Event(), threading.Event()

    def requests():
        for value in range(3):
            yield embed_request([gray(value)])
        asked.set()
        drained.wait(10)

    def drain(server):
        asked.wait(10)
        server.__exit__(None, None, None)
        drained.set()

    server = running(load_sessions(repository / "toy-encoder", config), config)
    with Client(server.__enter__()) as client:
        answers = client.stream_embed(requests())
        got = [next(answers) for _ in range(3)]
        thread = threading.Thread(target=drain, args=(server,))
        thread.start()
        with pytest.raises(errors.UnavailableError):
            next(answers)
        thread.join(15)
    assert len(got) == 3


def test_the_callers_request_id_is_used_where_it_is_harmless(repository, caplog):
    config = ServeConfig(address="localhost:0", threads=1)
    (session,) = load_sessions(repository / "toy-encoder", config)
    session.run = lambda *_: 1 / 0
    sent = embed_request([gray(1)]).SerializeToString()
    with running([session], config) as address, grpc.insecure_channel(address) as channel:
        call = channel.unary_unary("/symae.v1.SymaeService/Embed")
        for given in ("job-7:a", "x" * 65, "two words"):
            with pytest.raises(grpc.RpcError) as error:
                call(sent, timeout=10, metadata=[("x-request-id", given)])
            assert error.value.code() is grpc.StatusCode.INTERNAL
    ids = [record.args[0] for record in caplog.records if record.msg == "request %s failed"]
    assert ids[0] == "job-7:a"
    assert all(len(made) == 16 for made in ids[1:]) and len(set(ids)) == 3


def ends(call, many=False):
    """What comes at the end of a call: its metadata, and the request id that its error names."""
    with contextlib.suppress(grpc.RpcError):
        list(call) if many else call.result()
    trailers = dict(call.trailing_metadata())
    info = RequestInfo()
    details = Status.FromString(trailers.get("grpc-status-details-bin", b"")).details
    return trailers["x-request-id"], next((info.request_id for d in details if d.Unpack(info)), None)


def test_every_call_tells_its_id_however_it_ends(address):
    good, bad = embed_request([gray(1)]), embed_request([b"broken"])
    with grpc.insecure_channel(address) as channel:
        unary = channel.unary_unary("/symae.v1.SymaeService/Embed")
        stream = channel.stream_stream("/symae.v1.SymaeService/StreamEmbed")
        infer = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        mine = {"timeout": 10, "metadata": [("x-request-id", "job-7")]}
        assert ends(unary.future(good.SerializeToString(), **mine)) == ("job-7", None)
        assert ends(unary.future(bad.SerializeToString(), **mine)) == ("job-7", "job-7")
        assert ends(unary.future(b"\xff", **mine)) == ("job-7", "job-7")
        assert ends(infer.future(b"", **mine)) == ("job-7", "job-7")
        wrapped = [pb.StreamEmbedRequest(request=r).SerializeToString() for r in (good, bad)]
        assert ends(stream(iter(wrapped[:1]), **mine), many=True) == ("job-7", None)
        assert ends(stream(iter(wrapped), **mine), many=True) == ("job-7", "job-7.1")
        made = ends(unary.future(bad.SerializeToString(), timeout=10))
        assert made[0] == made[1] and len(made[0]) == 16
