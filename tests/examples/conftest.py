import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from serve.config import ServeConfig
from serve.server import load_sessions, running

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def repository(tmp_path_factory, toys):
    """An auto-encoder and an encoder: the small real models of the server's own tests."""
    folder = tmp_path_factory.mktemp("models")
    for kind in ("autoencoder", "encoder"):
        toys.WRITERS[kind](folder / f"toy-{kind}" / "1" / "model.onnx")
    return folder


@pytest.fixture(scope="session")
def serving(repository):
    """A function from changes of the configuration to the context of a server's address."""

    def start(**changes):
        config = ServeConfig(**{"address": "localhost:0", "threads": 1, "grace": 5} | changes)
        return running(load_sessions(repository, config), config)

    return start


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for number in range(12):
        pixels = rng.integers(0, 256, (20 + number, 24, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02}.png")
    return sorted(folder.iterdir())


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """An authority, and certificates for the server (localhost) and for a caller."""
    if not shutil.which("openssl"):
        pytest.skip("needs the openssl command")
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=authority", "-days", "2")
    for name in ("localhost", "caller"):
        openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (folder / "names").write_text(f"subjectAltName=DNS:{name}")
        signed_by = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
        openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *signed_by)
    return SimpleNamespace(
        root=folder / "ca.pem",
        server={"tls_certificate": str(folder / "localhost.pem"), "tls_key": str(folder / "localhost.key")},
        caller=("--certificate", folder / "caller.pem", "--key", folder / "caller.key"),
    )
