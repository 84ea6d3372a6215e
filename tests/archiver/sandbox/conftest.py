"""A sandbox on loopback and a client of it."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from archiver.sandbox import Sandbox
from support.dropbox_client import Client


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A client's connections."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A sandbox without accounts."""
    async with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def client(sandbox: Sandbox, http: aiohttp.ClientSession) -> Client:
    """A client of an account without limits."""
    return Client(sandbox, sandbox.add_account("airline"), http)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS context for 127.0.0.1, and the certificate of the authority that vouches for it."""
    now = datetime.now(UTC)
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("Sandbox authority", "127.0.0.1")]
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in names]
    loopback = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    certificates = []
    for is_authority, name, key in zip((True, False), names, keys, strict=True):
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(names[0])
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        certificates.append((builder if is_authority else builder.add_extension(loopback, critical=False)).sign(keys[0], hashes.SHA256()))
    directory = tmp_path_factory.mktemp("tls")
    trusted, chain = directory / "authority.pem", directory / "server.pem"
    trusted.write_bytes(certificates[0].public_bytes(Encoding.PEM))
    private = keys[1].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    chain.write_bytes(certificates[1].public_bytes(Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context, trusted
