"""Strange pictures over the wire, by both protocols: read rightly or refused, and no other caller feels them."""

import io
import resource
import struct
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
from PIL import Image

from serve import errors
from serve.client import Client
from serve.config import ServeConfig
from serve.pb.inference import inference_pb2 as open_pb
from serve.protocol.status import from_call
from serve.server import load_sessions, running

SIDE = 24
RNG = np.random.default_rng(7)
PHOTO = RNG.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
SMOOTH = np.add.outer(np.arange(SIDE) * 9, np.arange(SIDE)).astype(np.uint8)  # what JPEG keeps nearly as it is


def saved(picture, kind="PNG", **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width, height, *chunks, depth=8, colour=2):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks) + chunk(b"IEND", b"")


def rows(array):
    """Rows of a PNG, unfiltered, in its byte order."""
    return zlib.compress(b"".join(b"\0" + row.tobytes() for row in array))


def rgb(picture):
    return np.asarray(picture.convert("RGB"))


def animated(kind):
    frames = [Image.fromarray(np.full((SIDE, SIDE, 3), value, np.uint8)) for value in (40, 200, 90)]
    return saved(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(Image.fromarray(PHOTO), exif=exif.tobytes())


def palette():
    picture = Image.fromarray(PHOTO).quantize(16)
    return saved(picture), rgb(picture)


def cmyk():
    picture = Image.fromarray(np.dstack([SMOOTH, SMOOTH.T, 255 - SMOOTH, SMOOTH // 2]), "CMYK")
    data = saved(picture, "JPEG", quality=95)
    return data, rgb(Image.open(io.BytesIO(data)))


def transparent():
    alpha = np.where(np.arange(SIDE)[:, None] < SIDE // 2, 0, 255).repeat(SIDE, 1).astype(np.uint8)
    return saved(Image.fromarray(np.dstack([PHOTO, alpha]))), np.where(alpha[..., None] == 0, 255, PHOTO)


WIDE = (SMOOTH.astype(np.uint16) * 257).astype(">u2")
BROKEN_EXIF = saved(Image.fromarray(PHOTO), exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + bytes(40))
TURNS = {
    1: PHOTO,
    2: PHOTO[:, ::-1],
    3: PHOTO[::-1, ::-1],
    4: PHOTO[::-1],
    5: PHOTO.swapaxes(0, 1),
    6: np.rot90(PHOTO, -1),
    7: PHOTO.swapaxes(0, 1)[::-1, ::-1],
    8: np.rot90(PHOTO),
}
READ = {
    "16-bit gray": (png(SIDE, SIDE, chunk(b"IDAT", rows(WIDE)), depth=16, colour=0), np.dstack([SMOOTH] * 3)),
    "16-bit colour": (
        png(SIDE, SIDE, chunk(b"IDAT", rows(PHOTO.astype(">u2") * 257)), depth=16, colour=2),
        PHOTO,
    ),
    "CMYK": cmyk(),
    "palette": palette(),
    "one bit": (saved(Image.fromarray(PHOTO[:, :, 0] > 127)), np.dstack([(PHOTO[:, :, 0] > 127) * np.uint8(255)] * 3)),
    "gray": (saved(Image.fromarray(SMOOTH)), np.dstack([SMOOTH] * 3)),
    "transparent": transparent(),
    "animated GIF": (animated("GIF"), np.full((SIDE, SIDE, 3), 40, np.uint8)),
    "animated PNG": (animated("PNG"), np.full((SIDE, SIDE, 3), 40, np.uint8)),
    "animated WebP": (animated("WEBP"), np.full((SIDE, SIDE, 3), 40, np.uint8)),
    "broken EXIF": (BROKEN_EXIF, PHOTO),
    # Pillow takes it as it is; what matters is that the rest is black and not what lay in memory.
    "too few rows": (png(SIDE, SIDE, chunk(b"IDAT", rows(PHOTO[:9]))), np.vstack([PHOTO[:9], PHOTO[9:] * 0])),
} | {f"EXIF orientation {number}": (turned(number), pixels) for number, pixels in TURNS.items()}

ZEROS = zlib.compress(bytes(64 << 20), 9)  # 64 KB that become 64 MB
REFUSED = {
    "zero bytes": (b"", "is empty"),
    "text": (b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", "not an image"),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "not an image"),
    "a huge header": (png(2**31 - 1, 2**31 - 1, chunk(b"IDAT", rows(PHOTO))), "limit|broken"),
    "a header above the limit": (png(5000, 5000, chunk(b"IDAT", rows(PHOTO))), "5000 x 5000 pixels, more than"),
    "a bomb of black": (saved(Image.new("1", (9000, 9000))), "9000 x 9000 pixels, more than the limit"),
    "a bomb of text": (png(SIDE, SIDE, chunk(b"zTXt", b"k\0\0" + ZEROS), chunk(b"IDAT", rows(PHOTO))), "broken"),
    "no pixels": (png(SIDE, SIDE), "broken"),
    "no width": (png(0, SIDE, chunk(b"IDAT", rows(PHOTO))), "broken|not an image"),
    "a truncated PNG": (saved(Image.fromarray(PHOTO))[:-200], "broken"),
    "a truncated JPEG": (saved(Image.fromarray(PHOTO), "JPEG")[:-200], "broken"),
    "a truncated WebP": (saved(Image.fromarray(PHOTO), "WEBP")[:-200], "broken|not an image"),
    "a truncated TIFF": (saved(Image.fromarray(PHOTO), "TIFF")[:-200], "broken|not an image"),
    "a truncated GIF": (saved(Image.fromarray(SMOOTH), "GIF")[:30], "broken|not an image"),
}


@pytest.fixture(scope="module")
def address(repository):
    config = ServeConfig(address="localhost:0", threads=2, max_image_pixels=1 << 20, max_message_bytes=8 << 20)
    with running(load_sessions(repository / "toy-autoencoder", config), config) as address:
        yield address


def by_ours(address, data):
    with Client(address, timeout=20) as client:
        return client.reconstruct([data]).images[0]


def by_the_open_protocol(address, data):
    request = open_pb.ModelInferRequest(model_name="toy-autoencoder")
    request.inputs.add(name="image", datatype="BYTES", shape=[1])
    request.raw_input_contents.append(struct.pack("<I", len(data)) + data)
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer", response_deserializer=open_pb.ModelInferResponse.FromString
        )
        try:
            answer = call(request.SerializeToString(), timeout=20)
        except grpc.RpcError as error:
            raise from_call(error) from None
    return np.frombuffer(answer.raw_output_contents[0], np.uint8).reshape(answer.outputs[0].shape[1:])


PROTOCOLS = pytest.mark.parametrize("ask", [by_ours, by_the_open_protocol])
FIELDS = {by_ours: "images[0].encoded", by_the_open_protocol: "inputs[0][0]"}


def among_others(address, strange):
    """Ask for something strange while others of the same size ask; check that they, and the next, get their own."""

    def neighbour(seed):
        mine = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        with Client(address, timeout=20) as client:
            return [np.array_equal(client.reconstruct([mine]).images[0], 255 - mine) for _ in range(4)]

    with ThreadPoolExecutor(5) as pool:
        neighbours = [pool.submit(neighbour, seed) for seed in range(4)]
        try:
            return pool.submit(strange).result()
        finally:
            assert [all(asked.result()) for asked in neighbours] == [True] * 4
            assert all(neighbour(9))


@PROTOCOLS
@pytest.mark.parametrize("case", READ)
def test_what_is_a_picture_is_read_as_a_person_sees_it(address, ask, case):
    data, pixels = READ[case]
    answer = among_others(address, lambda: ask(address, data))
    np.testing.assert_array_equal(255 - answer, pixels)


@PROTOCOLS
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_none_is_refused_at_once_and_in_little_memory(address, ask, case):
    data, reason = REFUSED[case]
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with pytest.raises(errors.RequestError, match=reason) as error:
        among_others(address, lambda: ask(address, data))
    assert [violation.field for violation in error.value.violations] == [FIELDS[ask]]
    assert time.monotonic() - started < 10  # with the others' calls, on a busy machine
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # KiB; 9000 x 9000 are 240 MB


@PROTOCOLS
def test_pixels_hidden_behind_the_picture_are_never_unpacked(address, ask):
    data = png(SIDE, SIDE, chunk(b"IDAT", zlib.compress(zlib.decompress(rows(PHOTO)) + bytes(256 << 20), 9)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    np.testing.assert_array_equal(255 - among_others(address, lambda: ask(address, data)), PHOTO)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000
