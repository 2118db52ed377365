"""Mutual TLS: a caller without a certificate of the authority gets no further than the handshake."""

from __future__ import annotations

import datetime as dt
import http.client
import ipaddress
import os
import socket
import ssl
import subprocess
import sys
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.gate_city import _SERVE

from jutong.database import open_database
from jutong.settings import check_doors, read_settings
from jutong.terms import BadInput


def issued(folder, name, issuer=None, *, authority=False):
    """(certificate file, key file, certificate, key) signed by ``issuer``, or by itself."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[2].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(issuer[3] if issuer else key, hashes.SHA256())
    )
    files = folder / f"{name}.pem", folder / f"{name}.key"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return *files, made, key


def asked(port, context):
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_authority_needs_a_door_with_a_certificate(tmp_path):
    issued(tmp_path, "authority", authority=True)
    settings = read_settings(tmp_path, {"JUTONG_GATE_CLIENT_CA": str(tmp_path / "authority.pem")})
    with pytest.raises(BadInput):
        check_doors(settings)


@pytest.mark.slow
def test_who_has_no_certificate_of_the_authority_is_not_let_in(settings, tmp_path):
    authority = issued(tmp_path, "authority", authority=True)
    door, caller, stranger = (
        issued(tmp_path, "door", authority), issued(tmp_path, "caller", authority), issued(tmp_path, "stranger"),
    )  # fmt: skip
    with open_database(settings):
        pass
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = settings.home / "serve_tls.py"
    script.write_text(_SERVE, encoding="utf-8")
    environ = {
        "JUTONG_DATABASE_URL": settings.database_url, "JUTONG_GATE_PORT": str(port),
        "JUTONG_TLS_CERTIFICATE": str(door[0]), "JUTONG_TLS_KEY": str(door[1]),
        "JUTONG_GATE_CLIENT_CA": str(authority[0]),
    }  # fmt: skip
    gate = subprocess.Popen(
        [sys.executable, str(script), str(settings.home)], env={**os.environ, **environ},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        trusted = ssl.create_default_context(cafile=str(authority[0]))
        trusted.load_cert_chain(caller[0], caller[1])
        deadline = time.monotonic() + 90
        while True:
            try:
                assert asked(port, trusted) in (200, 503)
                break
            except OSError:
                assert time.monotonic() < deadline
                assert gate.poll() is None
                time.sleep(0.05)
        unknown = ssl.create_default_context(cafile=str(authority[0]))
        for context in (unknown, _with(authority, stranger)):
            with pytest.raises((OSError, http.client.HTTPException)):
                asked(port, context)
        assert asked(port, trusted) in (200, 503)
    finally:
        gate.terminate()
        gate.wait(30)


def _with(authority, stranger):
    context = ssl.create_default_context(cafile=str(authority[0]))
    context.load_cert_chain(stranger[0], stranger[1])
    return context
