"""How a request is read, and what is wrong with it said in one line with its field; over a real wire."""

import io

import grpc
import numpy as np
import pytest
from PIL import Image

from serve.pb.inference import inference_pb2 as pb

PATH = "/inference.GRPCInferenceService/"


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def call(address, method, request, response):
    with grpc.insecure_channel(address) as channel:
        sent = request if isinstance(request, bytes) else request.SerializeToString()
        return channel.unary_unary(PATH + method, response_deserializer=response.FromString)(sent, timeout=20)


def infer(model, inputs=(), raw=(), **fields):
    request = pb.ModelInferRequest(model_name=model, raw_input_contents=raw, **fields)
    for name, datatype, shape in inputs:
        request.inputs.add(name=name, datatype=datatype, shape=shape)
    return request


def edited(edit):
    request = infer("toy-encoder", [("image", "UINT8", (1, 2, 2, 3))], [bytes(12)])
    edit(request)
    return request


def image(shape, raw=None, datatype="UINT8", model="toy-encoder"):
    return infer(model, [("image", datatype, shape)], [raw] if raw is not None else [])


def pair(mask, raw_mask=bytes(4), datatype="UINT8"):
    inputs = [("image", "UINT8", (1, 2, 2, 3)), ("mask", datatype, mask)]
    return infer("toy-autoencoder", inputs, [bytes(12), raw_mask])


def many(kind, count):
    def edit(request):
        for index in range(count):
            if kind == "parameters":
                request.parameters[str(index)].int64_param = index
            elif kind == "parameters of an input":
                request.inputs[0].parameters[str(index)].int64_param = index
            else:
                getattr(request, kind).add(name=f"{kind}{index}")

    return edited(edit)


def parameter(name, where=lambda request: request, **value):
    return edited(lambda request: where(request).parameters[name].MergeFrom(pb.InferParameter(**value)))


BYTES = b"\x02\0\0\0ab"


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (b"\xff\xff\xff", "not a message of this call"),
        (infer("toy-encoder"), "inputs: 'image' is missing"),
        (image((1, 2, 2, 3), bytes(11)), "raw_input_contents[0]: expected 12 bytes for [1, 2, 2, 3], got 11"),
        (image((1, 2, 2, 3), bytes(13)), "raw_input_contents[0]: expected 12 bytes for [1, 2, 2, 3], got 13"),
        (image((1, 2, 2, 3), b""), "raw_input_contents[0]: expected 12 bytes for [1, 2, 2, 3], got 0"),
        (image((1, 2, 2, 3)), "inputs[0].contents.uint_contents: expected 12 values for its shape, got 0"),
        (image((1, -2, -2, 3), bytes(12)), "inputs[0].shape: expected [N, H, W, 3], each at least 1"),
        (image((0, 2, 2, 3), b""), "inputs[0].shape: expected [N, H, W, 3], each at least 1"),
        (image((-1, 2, 2, 3), bytes(12)), "each at least 1, got [-1, 2, 2, 3]"),
        (image((2**62, 2, 2, 3), bytes(12)), "inputs[0].shape: at most 64 images in one request"),
        (image((1, 2**32, 2**32, 3), bytes(12)), "inputs[0].shape: 4294967296 x 4294967296 pixels are more"),
        (image((1, 2**63 - 1, 2**63 - 1, 3), bytes(12)), "pixels are more than the limit of 262144"),
        (image((64, 512, 512, 3), bytes(12)), "expected 50331648 bytes"),
        (image((1, 2, 2, 1), bytes(4)), "inputs[0].shape: expected [N, H, W, 3], each at least 1, got [1, 2, 2, 1]"),
        (image((2, 2, 3), bytes(12)), "inputs[0].shape: expected [N, H, W, 3], got 3 dimensions"),
        (image((1,) * 10_000, b"x"), "inputs[0].shape: expected [N, H, W, 3], got 10000 dimensions"),
        (image((), b"x"), "inputs[0].shape: expected [N, H, W, 3], got 0 dimensions"),
        (image((1, 2, 2, 3), bytes(48), "FP32"), "inputs[0].datatype: expected UINT8, or BYTES"),
        (image((1, 2, 2, 3), bytes(12), "X" * 500_000), "inputs[0].datatype: expected UINT8"),
        (image((1, 2), BYTES, "BYTES"), "inputs[0].shape: expected [N] or [N, 1], each at least 1, got [1, 2]"),
        (image((1, 1, 1), BYTES, "BYTES"), "inputs[0].shape: expected [N] or [N, 1], got 3 dimensions"),
        (image((65,), BYTES, "BYTES"), "inputs[0].shape: at most 64 images"),
        (image((1,), BYTES, "BYTES"), "inputs[0][0]: not an image"),
        (image((1,), b"", "BYTES"), "raw_input_contents[0]: expected 1 elements, it ends before number 0"),
        (image((2,), BYTES, "BYTES"), "raw_input_contents[0]: expected 2 elements, it ends before number 1"),
        (image((1,), BYTES[:-1], "BYTES"), "element 0 has 2 bytes by its length, 1 are there"),
        (image((1,), b"\xff\xff\xff\xffab", "BYTES"), "element 0 has 4294967295 bytes by its length, 2 are there"),
        (image((1,), BYTES + b"c", "BYTES"), "raw_input_contents[0]: 1 bytes follow the 1 elements"),
        (image((1,), bytes(4), "BYTES"), "inputs[0][0]: the image is empty (0 bytes)"),
        (edited(lambda r: r.raw_input_contents.append(b"")), "raw_input_contents: expected none or one for each of 1"),
        (edited(lambda r: r.inputs[0].contents.uint_contents.append(1)), "inputs[0].contents: must be empty where raw"),
        (infer("toy-encoder", [("image", "UINT8", (1, 1, 1, 3))] * 2, [bytes(3)] * 2), "inputs: this model takes"),
        (infer("toy-autoencoder", [("image", "UINT8", (1, 1, 1, 3))] * 2, [bytes(3)] * 2), "'image' is there twice"),
        (infer("toy-encoder", [("picture", "UINT8", (1, 1, 1, 3))], [bytes(3)]), "got 'picture'"),
        (infer("toy-encoder", [("x" * 10**6, "UINT8", (1, 1, 1, 3))], [bytes(3)]), "inputs[0].name: this model takes"),
        (infer("toy-autoencoder", [("mask", "UINT8", (1, 1, 1))], [bytes(1)]), "inputs: 'image' is missing"),
        (pair((2, 2, 2), bytes(8)), "inputs[1].shape: expected one mask for each of 1 images, got 2"),
        (pair((1, 1, 4)), "inputs[1].shape: expected [1, 2, 2] as the images, got [1, 1, 4]"),
        (pair((1, 2, 2, 1)), "inputs[1].shape: expected [N, H, W], got 4 dimensions"),
        (pair((1,), BYTES, "BYTES"), "inputs[1][0]: not an image"),
        (pair((1,), b"\x4b\0\0\0" + png(np.zeros((3, 2), np.uint8)).ljust(75, b"\0"), "BYTES"), "inputs[1][0]: "),
        (edited(lambda r: r.outputs.add(name="nothing")), "outputs[0].name: this model gives embedding, feature_map"),
        (edited(lambda r: [r.outputs.add(name="embedding") for _ in "ab"]), "outputs[1].name: 'embedding' is asked"),
        (edited(lambda r: setattr(r, "id", "x" * 2000)), "id: at most 1024 characters, got 2000"),
        (many("inputs", 5000), "inputs: this model takes image, got 5001 inputs"),
        (many("outputs", 5000), "outputs: this model gives embedding, feature_map, each at most once, got 5000"),
        (many("parameters", 5000), "parameters: at most 64 parameters, got 5000"),
        (many("parameters of an input", 5000), "inputs[0].parameters: at most 64 parameters, got 5000"),
        (parameter("timeout", string_param="1"), "parameters[timeout]: expected microseconds as a whole number"),
        (parameter("timeout", int64_param=-1), "parameters[timeout]: expected at least 0 microseconds"),
        (parameter("keep_size", string_param="yes"), "parameters[keep_size]: expected true or false"),
    ],
)  # fmt: skip
def test_what_is_not_as_it_must_be(address, request_, text):
    with pytest.raises(grpc.RpcError) as error:
        call(address, "ModelInfer", request_, pb.ModelInferResponse)
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT, error.value.details()
    assert text in error.value.details()
    assert len(error.value.details()) <= 200 and "\n" not in error.value.details()


def test_numbers_instead_of_raw_bytes(address, rng):
    pixels = rng.integers(0, 256, (1, 3, 4, 3), dtype=np.uint8)
    request = infer("toy-autoencoder", [("image", "UINT8", pixels.shape)])
    request.inputs[0].contents.uint_contents.extend(pixels.ravel().tolist())
    response = call(address, "ModelInfer", request, pb.ModelInferResponse)
    assert response.raw_output_contents[0] == (255 - pixels).tobytes()
    assert not response.outputs[0].HasField("contents")
    request = image((1,), datatype="BYTES")
    request.inputs[0].contents.bytes_contents.append(png(pixels[0]))
    assert len(call(address, "ModelInfer", request, pb.ModelInferResponse).outputs) == 2


def test_parameters_of_tensors_that_mean_nothing_here_are_passed_over(address):
    request = image((1, 2, 2, 3), bytes(12))
    request.inputs[0].parameters["binary_data_size"].int64_param = 12
    request.outputs.add(name="embedding").parameters["binary_data"].bool_param = False
    assert len(call(address, "ModelInfer", request, pb.ModelInferResponse).raw_output_contents) == 1


def test_numbers_above_a_byte_and_of_another_type(address):
    request = image((1, 1, 1, 3))
    request.inputs[0].contents.uint_contents.extend([1, 256, 3])
    with pytest.raises(grpc.RpcError, match="expected UINT8 values of at most 255, got 256"):
        call(address, "ModelInfer", request, pb.ModelInferResponse)
    request.inputs[0].contents.fp32_contents.append(1.0)
    with pytest.raises(grpc.RpcError, match="expected uint_contents for UINT8, got fp32_contents"):
        call(address, "ModelInfer", request, pb.ModelInferResponse)


@pytest.mark.parametrize(
    "request_",
    [
        parameter("shared_memory_region", lambda request: request.inputs[0], string_param="region"),
        parameter("shared_memory_region", lambda request: request.outputs.add(name="embedding"), string_param="region"),
        parameter("classification", lambda request: request.outputs.add(name="embedding"), int64_param=3),
    ],
)
def test_what_would_change_the_answers_form_is_refused_rather_than_passed_over(address, request_):
    with pytest.raises(grpc.RpcError) as error:
        call(address, "ModelInfer", request_, pb.ModelInferResponse)
    assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_mask_on_its_side_beside_an_encoded_image(address):
    data = png(np.zeros((2, 3, 3), np.uint8))
    inputs = [("image", "BYTES", (1,)), ("mask", "UINT8", (1, 3, 2))]
    request = infer("toy-autoencoder", inputs, [len(data).to_bytes(4, "little") + data, bytes(6)])
    with pytest.raises(grpc.RpcError, match=r"inputs\[1\]\[0\]: expected the image's \(2, 3\) \(H, W\), got \(3, 2\)"):
        call(address, "ModelInfer", request, pb.ModelInferResponse)


def test_a_reply_that_no_message_holds(address):
    request = infer("toy-encoder", [("image", "UINT8", (2, 512, 512, 3))], [bytes(2 * 512 * 512 * 3)])
    with pytest.raises(grpc.RpcError, match="outputs: a reply holds 4194304 bytes, this would make") as error:
        call(address, "ModelInfer", request, pb.ModelInferResponse)
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
