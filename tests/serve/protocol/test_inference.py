"""The Open Inference Protocol as Triton's own client meets it, and as strange clients try it."""

import asyncio
import io
import threading
import time

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from PIL import Image
from tritonclient.utils import InferenceServerException

from serve.config import ServeConfig
from serve.pb.inference import inference_pb2 as pb
from serve.server import load_sessions, running
from serve.session import INPUTS, OUTPUTS

DTYPES = {np.dtype(np.uint8): "UINT8", np.dtype(np.float32): "FP32"}


@pytest.fixture
def client(address):
    client = triton.InferenceServerClient(address)
    yield client
    client.close()


def tensor(name, array, datatype="UINT8"):
    sent = triton.InferInput(name, array.shape, datatype)
    sent.set_data_from_numpy(array)
    return sent


def files(*datas, shape=None):
    return tensor("image", np.array(datas, object).reshape(shape or (len(datas),)), "BYTES")


def png(array, form="PNG"):
    file = io.BytesIO()
    Image.fromarray(array if array.ndim == 2 or array.shape[2] == 3 else array[:, :, 0]).save(file, form)
    return file.getvalue()


def picture(rng, *shape):
    return rng.integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("kind", OUTPUTS)
@pytest.mark.parametrize("encoded", [False, True])
def test_every_kind_equals_the_raw_runtime(client, raw, rng, kind, encoded):
    images, masks = picture(rng, 2, 5, 7, 3), (picture(rng, 2, 5, 7) > 128).astype(np.uint8)
    arrays = dict(zip(INPUTS[kind], (images, masks), strict=False))
    expected = raw(kind, list(OUTPUTS[kind]), **arrays)
    inputs = [tensor(name, array) for name, array in arrays.items()]
    if encoded:
        inputs[0] = files(*map(png, images), shape=(2, 1))
    result = client.infer(f"toy-{kind}", inputs, request_id="one")
    response = result.get_response()
    assert (response.id, response.model_name, response.model_version) == ("one", f"toy-{kind}", "1")
    assert [output.name for output in response.outputs] == list(OUTPUTS[kind])
    for output, want in zip(response.outputs, expected, strict=True):
        got = result.as_numpy(output.name)
        assert (output.datatype, got.dtype, tuple(output.shape)) == (DTYPES[want.dtype], want.dtype, want.shape)
        np.testing.assert_allclose(got, want, rtol=1e-6)


def test_outputs_come_in_the_order_in_which_they_are_asked_for(client, raw, rng):
    image = picture(rng, 1, 4, 4, 3)
    outputs = [triton.InferRequestedOutput(name) for name in ("feature_map", "embedding")]
    result = client.infer("toy-encoder", [tensor("image", image)], outputs=outputs)
    assert [output.name for output in result.get_response().outputs] == ["feature_map", "embedding"]
    (expected,) = raw("encoder", ["embedding"], image=image)
    np.testing.assert_allclose(result.as_numpy("embedding"), expected, rtol=1e-6)


def test_parameters_that_mean_nothing_here_are_passed_over(client):
    client.infer("toy-encoder", [tensor("image", np.zeros((1, 4, 4, 3), np.uint8))], priority=2, sequence_id=5,
                 parameters={"note": "nothing", "flag": True, "number": 3})  # fmt: skip


def test_without_a_mask_nothing_is_missing(client, rng):
    image = picture(rng, 1, 6, 5, 3)
    result = client.infer("toy-autoencoder", [tensor("image", image)]).as_numpy("reconstruction")
    np.testing.assert_array_equal(result, 255 - image)


@pytest.mark.parametrize("encoded", ["image", "mask", "both"])
def test_masks_and_images_may_be_encoded_or_not(client, rng, encoded):
    images, masks = picture(rng, 2, 6, 5, 3), np.zeros((2, 6, 5), np.uint8)
    masks[1, 2:4, 1:3] = 255
    image = tensor("image", images) if encoded == "mask" else files(*map(png, images))
    mask = tensor("mask", masks)
    if encoded != "image":
        mask = tensor("mask", np.array([png(m) for m in masks], object), "BYTES")
    result = client.infer("toy-autoencoder", [mask, image]).as_numpy("reconstruction")
    np.testing.assert_array_equal(result, np.where(masks[..., None] > 0, 7, 255 - images))


def test_images_of_several_sizes_where_no_output_depends_on_them(client, rng):
    images = [picture(rng, 4 + i % 2, 6, 3) for i in range(4)]
    sent, embedding = [files(*map(png, images))], [triton.InferRequestedOutput("embedding")]
    result = client.infer("toy-encoder", sent, outputs=embedding).as_numpy("embedding")
    np.testing.assert_allclose(result, [image.mean((0, 1)) / 255 for image in images], rtol=1e-5)
    with pytest.raises(
        InferenceServerException, match=r"inputs\[0\]: feature_map would have a shape for each size"
    ) as e:
        client.infer("toy-encoder", sent)
    assert e.value.status() == "StatusCode.INVALID_ARGUMENT"


def test_encoded_images_are_sized_as_the_model_was_trained(tmp_path, toys, rng):
    toys.write_encoder(tmp_path / "e" / "1" / "model.onnx", resize=8, crop=8)
    config = ServeConfig(address="localhost:0", threads=1)
    images = [picture(rng, 20, 10, 3), picture(rng, 9, 30, 3)]
    with running(load_sessions(tmp_path, config), config) as address:
        client = triton.InferenceServerClient(address)
        fitted = client.infer("e", [files(*map(png, images))])
        assert fitted.as_numpy("feature_map").shape == (2, 3, 8, 8)
        kept = client.infer("e", [files(png(images[0]))], parameters={"keep_size": True})
        assert kept.as_numpy("feature_map").shape == (1, 3, 20, 10)
        assert client.infer("e", [tensor("image", images[0][None])]).as_numpy("feature_map").shape == (1, 3, 20, 10)
        client.close()


def test_large_images_are_cut_into_tiles_as_in_the_other_protocol(repository, rng):
    config = ServeConfig(address="localhost:0", threads=1, batch_pixels=1024)
    image = picture(rng, 2, 70, 90, 3)
    with running(load_sessions(repository / "toy-segmenter", config), config) as address:
        client = triton.InferenceServerClient(address)
        labels = client.infer("toy-segmenter", [tensor("image", image)]).as_numpy("labels")
        counted = client.get_inference_statistics("toy-segmenter").model_stats[0]
        client.close()
    np.testing.assert_array_equal(labels, image.argmax(3))
    assert counted.execution_count > 10


def test_asyncio(address, rng):
    async def main():
        async with triton_aio.InferenceServerClient(address) as client:
            images = [picture(rng, 1, 4 + i % 3, 5, 3) for i in range(30)]
            results = await asyncio.gather(*(client.infer("toy-autoencoder", [tensor("image", i)]) for i in images))
            for image, result in zip(images, results, strict=True):
                np.testing.assert_array_equal(result.as_numpy("reconstruction"), 255 - image)
            assert await client.is_server_ready() and await client.is_model_ready("toy-encoder", "1")
            assert (await client.get_model_config("toy-encoder")).config.max_batch_size == 64
            with pytest.raises(InferenceServerException, match="no model 'none'"):
                await client.get_model_metadata("none")

    asyncio.run(main())


def test_a_stream_answers_in_order_and_an_error_does_not_end_it(client, rng):
    answers, done = [], threading.Event()

    def hear(result, error):
        answers.append((result, error))
        if len(answers) == 21:
            done.set()

    client.start_stream(hear)
    images = [picture(rng, 1, 4, 4, 3) for _ in range(20)]
    for index, image in enumerate(images):
        client.async_stream_infer("toy-autoencoder", [tensor("image", image)], request_id=str(index))
        if index == 9:
            client.async_stream_infer("nobody", [tensor("image", image)], request_id="lost")
    assert done.wait(20)
    client.stop_stream()
    faults = [str(error) for _, error in answers if error]
    assert faults == ["no model 'nobody', this server has toy-autoencoder, toy-classifier, toy-encoder, toy-segmenter"]
    assert answers[10][1] is not None
    results = [result for result, error in answers if not error]
    for index, (image, result) in enumerate(zip(images, results, strict=True)):
        assert result.get_response().id == str(index)
        np.testing.assert_array_equal(result.as_numpy("reconstruction"), 255 - image)


def test_a_request_gives_up_at_its_own_timeout(repository, rng):
    config = ServeConfig(address="localhost:0", threads=1)
    (session,) = load_sessions(repository / "toy-encoder", config)
    run = session.run
    session.run = lambda *arguments: (time.sleep(0.2), run(*arguments))[1]
    with running([session], config) as address:
        client = triton.InferenceServerClient(address)
        image = [tensor("image", picture(rng, 1, 4, 4, 3))]
        client.infer("toy-encoder", image, timeout=10_000_000)  # microseconds; and the server learns its pace
        with pytest.raises(InferenceServerException) as error:
            client.infer("toy-encoder", image, timeout=50_000)
        assert error.value.status() == "StatusCode.DEADLINE_EXCEEDED"
        client.close()


def test_statistics_count_as_triton_does(repository, rng):
    config = ServeConfig(address="localhost:0", threads=1)
    with running(load_sessions(repository, config), config) as address:
        client = triton.InferenceServerClient(address)
        assert len(client.get_inference_statistics().model_stats) == 4
        for count in (1, 3, 3):
            client.infer("toy-encoder", [tensor("image", picture(rng, count, 4, 4, 3))])
        with pytest.raises(InferenceServerException):
            client.infer("toy-encoder", [tensor("image", picture(rng, 1, 4, 4, 1))])
        (counted,) = client.get_inference_statistics("toy-encoder", "1").model_stats
        untouched = client.get_inference_statistics("toy-segmenter").model_stats[0]
        client.close()
    assert (counted.inference_count, counted.execution_count) == (7, 3)
    assert counted.last_inference == pytest.approx(time.time() * 1000, abs=10_000)
    stats = counted.inference_stats
    assert (stats.success.count, stats.fail.count, stats.queue.count, stats.compute_infer.count) == (3, 1, 3, 3)
    parts = stats.queue.ns + stats.compute_input.ns + stats.compute_infer.ns + stats.compute_output.ns
    assert 0 < parts <= stats.success.ns
    assert {b.batch_size: b.compute_infer.count for b in counted.batch_stats} == {1: 1, 3: 2}
    assert untouched.inference_stats.success.count == untouched.last_inference == 0


def test_readiness_ends_before_the_server_does(repository):
    config = ServeConfig(address="localhost:0", threads=1, drain_delay=1.5)
    server = running(load_sessions(repository / "toy-encoder", config), config)
    client = triton.InferenceServerClient(server.__enter__())
    assert client.is_server_ready() and client.is_model_ready("toy-encoder")
    stopping = threading.Thread(target=server.__exit__, args=(None, None, None))
    stopping.start()
    time.sleep(0.5)
    assert client.is_server_live()
    assert not client.is_server_ready() and not client.is_model_ready("toy-encoder")
    stopping.join(20)
    client.close()


def test_models_that_are_not_there(client):
    for name, version in (("nobody", ""), ("toy-encoder", "2")):
        assert not client.is_model_ready(name, version)
        for question in (client.get_model_metadata, client.get_model_config, client.get_inference_statistics):
            with pytest.raises(InferenceServerException, match="this server has") as error:
                question(name, version)
            assert error.value.status() == "StatusCode.NOT_FOUND"


def test_there_is_one_repository(address, client):
    asked = pb.RepositoryIndexRequest(repository_name="x").SerializeToString()
    with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError) as error:
        channel.unary_unary("/inference.GRPCInferenceService/RepositoryIndex")(asked, timeout=20)
    assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED
    first = client.get_model_repository_index().models[0]
    assert (first.name, first.version, first.state) == ("toy-autoencoder", "1", "READY")


def test_a_corrupt_image_leaves_its_neighbours_alone(client, rng):
    good = picture(rng, 4, 4, 3)
    with pytest.raises(InferenceServerException, match=r"inputs\[0\]\[1\]: "):
        client.infer("toy-encoder", [files(png(good), png(good)[:50], png(good))])
    result = client.infer("toy-encoder", [files(png(good))]).as_numpy("embedding")
    np.testing.assert_allclose(result[0], good.mean((0, 1)) / 255, rtol=1e-5)
