"""The server's side of TLS: certificates from files, taken up anew when the files change, without a restart.

gRPC asks at every handshake, through `dynamic_ssl_server_credentials`, whether there is a new certificate. Connections
that are open keep theirs; `max_connection_age` bounds how long.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from serve.errors import ConfigError
from serve.files import signature
from serve.security.pem import read_pem

__all__ = ["TlsFiles", "server_credentials"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TlsFiles:
    """Where the server's PEM files lie.

    Attributes:
        certificate: the server's, followed by those that lead to a root.
        key: its key, not encrypted.
        client_ca: authorities that sign the callers' certificates; None: callers need none.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None

    @property
    def state(self) -> tuple[object, ...]:
        """What differs when one of them has changed."""
        return tuple(signature(path) for path in (self.certificate, self.key, self.client_ca) if path)

    def load(self) -> grpc.ServerCertificateConfiguration:
        """Read them.

        Raises:
            ConfigError: one is missing or no PEM, or the key is another certificate's.
        """
        certificate, key = read_pem(self.certificate), read_pem(self.key)
        roots = read_pem(self.client_ca) if self.client_ca else None
        self._check()
        return grpc.ssl_server_certificate_configuration([(key, certificate)], roots)

    def _check(self) -> None:
        """Find out what is wrong: gRPC would only fail every handshake."""
        import ssl  # only who uses TLS pays for it

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(self.certificate, self.key, password=b"")
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or str(error)
            raise ConfigError(f"{self.certificate} and {self.key} are no certificate and its key: {reason}") from error
        if self.client_ca:
            try:
                context.load_verify_locations(self.client_ca)
            except (OSError, ValueError) as error:
                raise ConfigError(f"{self.client_ca} has no certificate of an authority: {error}") from error


class _Rotation:
    """What gRPC asks at every handshake."""

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._seen = files.state
        self.first = files.load()

    def __call__(self) -> grpc.ServerCertificateConfiguration | None:
        """Give the new certificate if there is one."""
        state = self._files.state
        if state == self._seen:
            return None
        self._seen = state
        try:
            loaded = self._files.load()
        except ConfigError as error:  # half of the files, perhaps; the other half changes their state again
            log.error("%s; the certificate that was read before stays in use", error)
            return None
        log.warning("%s has changed and is in use for new connections", self._files.certificate)
        return loaded


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Make what a port is opened with.

    Raises:
        ConfigError: as `TlsFiles.load`.
    """
    rotation: Any = _Rotation(files)
    return grpc.dynamic_ssl_server_credentials(
        rotation.first, rotation, require_client_authentication=files.client_ca is not None
    )
