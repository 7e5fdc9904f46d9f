"""The calls as a client meets them: a real server, a real client, and what each fault is answered with."""

import io
import threading
import time

import grpc
import numpy as np
import pytest
from PIL import Image

from serve import errors
from serve.client import Client
from serve.pb.symae.v1 import symae_pb2 as pb


@pytest.fixture
def image(rng):
    return rng.integers(0, 256, (12, 9, 3), dtype=np.uint8)


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def test_models_are_listed(client):
    models = client.models()
    assert [m.name for m in models] == ["toy-autoencoder", "toy-classifier", "toy-encoder", "toy-segmenter"]
    assert models[3].classes == ("dark", "middling", "bright")
    assert models[3].colours[1] == (200, 0, 0)
    assert {m.provider for m in models} == {"CPUExecutionProvider"}


def test_reconstruct_equals_the_raw_runtime(client, raw, image, tmp_path):
    path = tmp_path / "image.png"
    path.write_bytes(png(image))
    mask = np.zeros(image.shape[:2], np.uint8)
    (expected,) = raw("autoencoder", ["reconstruction"], image=image[None], mask=mask[None])
    result = client.reconstruct([image, path, path.read_bytes()])
    for picture in result.images:
        np.testing.assert_array_equal(picture, expected[0])
    assert (result.timing.model, result.timing.version) == ("toy-autoencoder", "1")
    assert result.timing.run > 0


@pytest.mark.parametrize("encoding", ["raw", "png", "webp", "jpeg"])
def test_inpainting_keeps_the_known(client, image, encoding):
    mask = np.zeros(image.shape[:2], bool)
    mask[2:5, 3:6] = True
    kept, inverted = client.reconstruct([image] * 2, masks=[mask, None], keep_known=True, encoding=encoding).images
    if encoding != "jpeg":
        np.testing.assert_array_equal(kept, np.where(mask[..., None], 7, image))
        np.testing.assert_array_equal(inverted, image)
    (plain,) = client.reconstruct([image], masks=[mask]).images
    np.testing.assert_array_equal(plain, np.where(mask[..., None], 7, 255 - image))


def test_embed_many_sizes_in_order(client, raw, rng):
    images = [rng.integers(0, 256, (4 + i % 3, 5, 3), dtype=np.uint8) for i in range(40)]
    result = client.embed(images, feature_maps=True)
    for image, vector, feature_map in zip(images, result.embeddings, result.feature_maps, strict=True):
        expected = raw("encoder", ["embedding", "feature_map"], image=image[None])
        np.testing.assert_allclose(vector, expected[0][0], rtol=1e-6)
        np.testing.assert_array_equal(feature_map, expected[1][0])


def test_classify(client, raw, image):
    result = client.classify([image, image[:5]], top_k=2)
    (expected,) = raw("classifier", ["probabilities"], image=image[None])
    np.testing.assert_allclose(result.probabilities[0], expected[0], rtol=1e-6)
    best = result.classes[int(result.probabilities[0].argmax())]
    assert result.top[0][0] == (best, pytest.approx(float(result.probabilities[0].max())))
    assert len(result.top[0]) == 2 and result.top[0][0][1] >= result.top[0][1][1]
    assert len(client.classify([image], top_k=99).top[0]) == 3
    assert client.classify([image]).top == ()


@pytest.mark.parametrize("encoding", ["raw", "png", "webp"])
def test_segment(client, raw, image, encoding):
    result = client.segment([image, image[:3]], probabilities=True, encoding=encoding)
    labels, probabilities = raw("segmenter", ["labels", "probabilities"], image=image[None])
    np.testing.assert_array_equal(result.labels[0], labels[0])
    np.testing.assert_array_equal(result.probabilities[0], probabilities[0])
    assert result.labels[1].shape == (3, 9)
    assert client.segment([image]).probabilities == ()


def refused(client, path, request):
    call = client._channel.unary_unary(f"/symae.v1.SymaeService/{path}", lambda data: data)
    data = request if isinstance(request, bytes) else request.SerializeToString()
    with pytest.raises(grpc.RpcError) as error:
        call(data, timeout=10)
    return error.value


GOOD = pb.Image(raw=pb.RawImage(data=bytes(12), height=2, width=2, channels=3))


@pytest.mark.parametrize(
    ("path", "request_", "code", "text"),
    [
        ("Embed", b"\xff\xff\xff", "INVALID_ARGUMENT", "not a message"),
        ("Embed", pb.EmbedRequest(), "INVALID_ARGUMENT", "images: at least one"),
        ("Embed", pb.EmbedRequest(images=[pb.Image()]), "INVALID_ARGUMENT", "images[0]: empty"),
        ("Embed", pb.EmbedRequest(images=[GOOD] * 65), "INVALID_ARGUMENT", "at most 64 images"),
        ("Embed", pb.EmbedRequest(images=[pb.Image(encoded=b"no")]), "INVALID_ARGUMENT", "images[0].encoded: not an"),
        ("Embed", pb.EmbedRequest(model="none", images=[GOOD]), "NOT_FOUND", "no model 'none', this server has toy-"),
        ("Embed", pb.EmbedRequest(model="toy-segmenter", images=[GOOD]), "INVALID_ARGUMENT", "is of kind segmenter"),
        ("Reconstruct", pb.ReconstructRequest(images=[GOOD], encoding=99), "UNIMPLEMENTED", "no encoding 99"),
        ("Reconstruct", pb.ReconstructRequest(images=[GOOD], keep_known=True), "INVALID_ARGUMENT", "needs masks"),
        ("Segment", pb.SegmentRequest(images=[GOOD], encoding=3), "INVALID_ARGUMENT", "JPEG would falsify"),
        ("Nothing", pb.EmbedRequest(), "UNIMPLEMENTED", "Method not found"),
        ("Embed", pb.EmbedRequest(images=[pb.Image(encoded=bytes(5 << 20))]), "RESOURCE_EXHAUSTED", "larger than max"),
    ],
)
def test_statuses(client, path, request_, code, text):
    error = refused(client, path, request_)
    assert error.code().name == code
    assert text in error.details()


@pytest.mark.parametrize("height", [-1, 2**32])
def test_shapes_that_do_not_fit_the_wire(height):
    with pytest.raises(ValueError, match="range"):
        pb.RawImage(height=height)


def test_a_negative_height_smuggled_in_is_refused(client):
    inner = b"\x0a\x01\x00" + b"\x10" + b"\xff" * 9 + b"\x01" + b"\x18\x01\x20\x03"  # height = varint -1
    image = b"\x12" + bytes([len(inner)]) + inner
    error = refused(client, "Embed", b"\x12" + bytes([len(image)]) + image)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_corrupt_image_names_itself_and_leaves_the_others_unanswered(client, image):
    with pytest.raises(errors.RequestError) as error:
        client.embed([image, png(image)[:60]])
    assert [violation.field for violation in error.value.violations] == ["images[1].encoded"]


def test_random_bytes_on_every_call_never_break_the_server(client, rng, image):
    for method in pb.DESCRIPTOR.services_by_name["SymaeService"].methods:
        if method.name.startswith("Stream") or method.name == "ListModels":
            continue
        for length in (1, 7, 60, 400):
            error = refused(client, method.name, rng.bytes(length))
            assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert len(client.embed([image]).embeddings) == 1


def test_callers_that_go_away_do_not_hurt_the_others(address, image):
    wrong, stop = [], time.monotonic() + 2

    def steady(seed):
        rng = np.random.default_rng(seed)
        with Client(address, timeout=20) as client:
            while time.monotonic() < stop:
                mine = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                if not np.array_equal(client.reconstruct([mine]).images[0], 255 - mine):
                    wrong.append(seed)

    def fickle():
        with Client(address) as client:
            call = client._channel.unary_unary("/symae.v1.SymaeService/Reconstruct")
            request = pb.ReconstructRequest(
                images=[pb.Image(raw=pb.RawImage(data=bytes(192), height=8, width=8, channels=3))]
            )
            while time.monotonic() < stop:
                call.future(request.SerializeToString()).cancel()
                time.sleep(0.002)

    threads = [threading.Thread(target=steady, args=(seed,)) for seed in range(3)] + [threading.Thread(target=fickle)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert wrong == []
