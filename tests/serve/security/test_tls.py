"""Encryption over the wire: who is believed, and certificates that change while the server runs."""

import shutil
import subprocess
import time

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from serve.channel import Tls
from serve.client import Client
from serve.config import ServeConfig
from serve.errors import ConfigError
from serve.security.tls import TlsFiles
from serve.server import load_sessions, running

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="needs the openssl command")
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Authority:
    """A certificate authority in a folder: NAME.pem and NAME.key."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self._openssl("req", "-x509", *KEY, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca", "-days", "2")

    def sign(self, name):
        """Write a certificate for localhost."""
        self._openssl("req", *KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (self.folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        ca = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *ca)
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    @property
    def root(self):
        return self.folder / "ca.pem"

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("pki") / "ours")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("pki") / "theirs")


@pytest.fixture
def serving(repository, tmp_path):
    """Serve an encoder with copies of certificates that a test may replace."""

    def start(certificate, **changes):
        for source, name in zip(certificate, ("server.pem", "server.key"), strict=True):
            shutil.copy(source, tmp_path / name)
        files = {"tls_certificate": str(tmp_path / "server.pem"), "tls_key": str(tmp_path / "server.key")}
        config = ServeConfig(address="localhost:0", threads=1, grace=5, **files, **changes)
        return running(load_sessions(repository / "toy-encoder", config), config)

    return start


def answers(address, tls):
    """Call once over a connection of its own."""
    with grpc.secure_channel(address, tls.credentials()) if tls else grpc.insecure_channel(address) as channel:
        try:
            health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
        except grpc.RpcError as error:
            assert error.code() is grpc.StatusCode.UNAVAILABLE
            return False
        return True


def test_who_is_believed(serving, ours, theirs):
    with serving(ours.sign("server")) as address:
        assert answers(address, Tls(ours.root))
        assert not answers(address, Tls(theirs.root))
        assert not answers(address, None)  # nothing is told to who does not encrypt


def test_callers_show_a_certificate_where_one_is_asked_for(serving, ours, theirs):
    with serving(ours.sign("server"), tls_client_ca=str(ours.root)) as address:
        assert answers(address, Tls(ours.root, *ours.sign("caller")))
        assert not answers(address, Tls(ours.root))
        assert not answers(address, Tls(ours.root, *theirs.sign("caller")))


def test_a_new_certificate_is_taken_up_and_open_connections_live_on(serving, tmp_path, caplog, ours, theirs):
    with (
        serving(ours.sign("server")) as address,
        Client(address, timeout=5, tls=Tls(ours.root)) as before,
    ):
        assert len(before.models()) == 1
        certificate, key = theirs.sign("server")
        shutil.copy(certificate, tmp_path / "server.pem")  # its key is not there yet: the old pair stays in use
        assert answers(address, Tls(ours.root))
        assert "the certificate that was read before stays in use" in caplog.text
        shutil.copy(key, tmp_path / "server.key")
        assert answers(address, Tls(theirs.root))
        assert not answers(address, Tls(ours.root))
        assert len(before.models()) == 1
        assert "has changed and is in use for new connections" in caplog.text


def test_the_authority_of_the_callers_changes_too(serving, tmp_path, ours, theirs):
    shutil.copy(ours.root, tmp_path / "callers.pem")
    with serving(ours.sign("server"), tls_client_ca=str(tmp_path / "callers.pem")) as address:
        caller, other = Tls(ours.root, *ours.sign("caller")), Tls(ours.root, *theirs.sign("caller"))
        assert answers(address, caller) and not answers(address, other)
        shutil.copy(theirs.root, tmp_path / "callers.pem")
        assert answers(address, other) and not answers(address, caller)


def test_files_that_are_not_right(ours, theirs, tmp_path):
    certificate, key = ours.sign("server")
    (tmp_path / "text.pem").write_text("no pem")
    (tmp_path / "damaged.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    locked = tmp_path / "locked.key"
    command = ["openssl", "pkcs8", "-topk8", "-in", key, "-out", locked, "-passout", "pass:secret"]
    subprocess.run(command, check=True, capture_output=True)
    started = time.monotonic()
    for files, message in (
        (TlsFiles(tmp_path / "none.pem", key), "cannot read .*none.pem: No such file"),
        (TlsFiles(tmp_path / "text.pem", key), "text.pem is no PEM file"),
        (TlsFiles(certificate, theirs.sign("server")[1]), "no certificate and its key: KEY_VALUES_MISMATCH"),
        (TlsFiles(certificate, locked), "no certificate and its key"),
        (TlsFiles(certificate, key, tmp_path / "damaged.pem"), "damaged.pem has no certificate of an authority"),
    ):
        with pytest.raises(ConfigError, match=message) as error:
            files.load()
        assert "\n" not in str(error.value)
    assert time.monotonic() - started < 5  # nobody was asked for a password
