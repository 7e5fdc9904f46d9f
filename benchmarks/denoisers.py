"""The denoisers that are compared, each a `symae.denoising.Denoiser`: ours, and two classics.

BM3D is the package `bm3d` of its authors at Tampere University (Mäkinen, Azzari, Foi, "Collaborative filtering of
correlated noise", IEEE TIP 29, 2020; Dabov, Foi, Katkovnik, Egiazarian, IEEE TIP 16, 2007). Its licence allows
informational, non-commercial use alone, with a reference to the authors wherever results are published, so nothing
of symae depends on it: who may use it installs it with `pip install bm3d`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from skimage.restoration import denoise_nl_means

from serve.providers import RuntimeOptions, open_runtime
from serve.repository import ModelFile
from serve.session import open_only
from symae.denoising import Denoiser, Image, ensemble
from symae.errors import InputError, RunError
from symae.networks import SymmetricAutoencoder
from symae.restorers import NetworkRestorer
from symae.results import Result, result_of
from symae.run import commit
from symae.weights import load

__all__ = ["CLASSICS", "Method", "classic", "of_model", "of_run", "with_ensemble"]

CLASSICS = ("bm3d", "nl-means")
# Of non-local means: side of the patch, pixels that the search goes each way, h as a multiple of sigma. These are
# scikit-image's own for its fast mode with known sigma. On crops of training photographs no other of five settings was
# better by more than 0.05 dB at sigma 15, 25 or 50; those of Buades et al. (IPOL 2011), whose patches are averaged
# where they overlap, were 0.2 to 0.9 dB worse in this implementation, which restores the middle pixel alone.
PATCH, DISTANCE, STRENGTH = 5, 6, 0.6


@dataclass(frozen=True)
class Method:
    """A denoiser and what is told about it.

    Attributes:
        name: as it is printed.
        key: by which its scores are kept: the name, with a digest of the weights where there are some.
        denoiser: does the work.
        origin: what is recorded, without values and data.
        channels: the only number of channels that it takes; None: gray and colour.
        suffix: of the names of its values.
    """

    name: str
    key: str
    denoiser: Denoiser
    origin: Result
    channels: int | None = None
    suffix: str = ""


def classic(name: str, device: str) -> Method:
    """A method of others; it runs in one thread.

    Raises:
        InputError: its package is not installed.
    """
    denoiser = _bm3d() if name == "bm3d" else nl_means
    return Method(name, name, denoiser, Result(name, {}, "", "test", 0, commit(), device))


def of_run(path: Path) -> Method:
    """The auto-encoder of a run directory in PyTorch, on the CPU.

    Raises:
        RunError: no run with weights is there, or of another stage.
    """
    model, _ = load(path)
    if not isinstance(model, SymmetricAutoencoder):
        raise RunError(f"{path} holds no auto-encoder: denoising needs a run of the stage pretrain")
    key = f"{path.name}-{_digest(path / 'model.safetensors')}-{commit()}"  # of what is computed with the weights
    origin = result_of(path, "", "test", {})
    return Method(path.name, key, NetworkRestorer(model).denoise, origin, model.spec.channels)


def of_model(path: Path, threads: int, device: str) -> Method:
    """An exported auto-encoder in ONNX Runtime, set up as the server does it; sigma is not told.

    The graph takes bytes, which cannot hold noise that is not clipped. Its first step makes floats of them; here its
    input is declared float, so that this step has nothing to do. All else is the graph that is served.

    Args:
        path: model repository, folder of one model, or model.onnx, as `symae export` writes them.
        threads: of the CPU.
        device: name of the CPU.

    Raises:
        RepositoryError: not exactly one auto-encoder is there.
    """
    session = open_only("autoencoder", path, RuntimeOptions(providers=("CPU",), threads=threads))
    file, metadata = session.file, session.metadata
    network = f"{metadata.network['name']} x {metadata.network['width']:g}"
    changes = {"runtime": "ONNX Runtime", "precision": metadata.precision}
    origin = Result(metadata.recipe, {}, "", "test", 0, metadata.commit, device, network, changes=changes)
    key = f"{file.name}-{_digest(file.path)}"
    return Method(f"{file.name} (ONNX)", key, _onnx_denoiser(file, threads), origin, metadata.channels)


def with_ensemble(method: Method) -> Method:
    """The same with the mean over 8 flips and rotations."""
    return dataclasses.replace(
        method,
        name=f"{method.name}, ensemble",
        key=f"{method.key}-ensemble",
        denoiser=ensemble(method.denoiser),
        suffix="_ensemble",
    )


def _bm3d() -> Denoiser:
    """BM3D with its authors' standard profile; sigma known; colour in their opponent space.

    Raises:
        InputError: the package is not installed.
    """
    if importlib.util.find_spec("bm3d") is None:
        raise InputError("bm3d is not installed: read its licence (non-commercial use), then `pip install bm3d`")
    import bm3d

    def denoise(noisy: Image, sigma: float) -> NDArray[Any]:
        if noisy.shape[2] == 3:
            return np.asarray(bm3d.bm3d_rgb(noisy, sigma / 255))
        return np.asarray(bm3d.bm3d(noisy[:, :, 0], sigma / 255)).reshape(noisy.shape)

    return denoise


def nl_means(noisy: Image, sigma: float) -> NDArray[Any]:
    """Non-local means as scikit-image has it, fast mode; sigma known."""
    restored = denoise_nl_means(
        noisy,
        patch_size=PATCH,
        patch_distance=DISTANCE,
        h=STRENGTH * sigma / 255,
        sigma=sigma / 255,
        fast_mode=True,
        channel_axis=-1,
    )
    return np.asarray(restored).reshape(noisy.shape)  # it drops the axis of a single channel


def _onnx_denoiser(file: ModelFile, threads: int) -> Denoiser:
    model = onnx.load(file.path)
    image = next(value for value in model.graph.input if value.name == "image")
    image.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        onnx.save(model, path)
        options = RuntimeOptions(providers=("CPU",), threads=threads)
        runtime = open_runtime(dataclasses.replace(file, path=path), options)

    def denoise(noisy: Image, sigma: float) -> NDArray[Any]:  # noqa: ARG001 - it is blind
        mask = np.zeros((1, *noisy.shape[:2]), np.uint8)
        (restored,) = runtime.run(["reconstruction"], {"image": noisy[None] * np.float32(255), "mask": mask})
        return np.asarray(restored[0], np.float64) / 255

    return denoise


def _digest(file: Path) -> str:
    return hashlib.blake2b(file.read_bytes(), digest_size=6).hexdigest()
