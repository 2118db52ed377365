"""Off loopback only with a certificate or a declared proxy, and over TLS nothing is sent in the clear."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.journey.sample import run

from jutong.database import EmbeddedPostgres
from jutong.settings import Settings, check_doors, read_settings
from jutong.terms import BadInput


@pytest.fixture
def city(tmp_path: Path) -> Settings:
    return read_settings(tmp_path / "city", {})


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """(certificate, key) of 127.0.0.1, valid for an hour, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "jutong")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    files = tmp_path / "door.pem", tmp_path / "door.key"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return files


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_loopback_needs_nothing(city: Settings, host: str) -> None:
    check_doors(replace(city, portal_host=host, gate_host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "data.example", ""])
@pytest.mark.parametrize("door", ["portal_host", "gate_host"])
def test_an_open_door_is_refused(city: Settings, door: str, host: str) -> None:
    with pytest.raises(BadInput) as refused:
        check_doors(replace(city, **{door: host}))
    assert refused.value.code == "settings.open_door"


def test_an_open_door_may_have_a_proxy_before_it(city: Settings) -> None:
    check_doors(replace(city, gate_host="0.0.0.0", trusted_proxies="10.0.0.1, 10.2.0.0/16"))
    with pytest.raises(BadInput) as refused:
        check_doors(replace(city, gate_host="0.0.0.0", trusted_proxies="the proxy"))
    assert refused.value.code == "settings.bad_value"


def test_half_a_certificate_is_none(city: Settings, certificate: tuple[Path, Path]) -> None:
    with pytest.raises(BadInput) as refused:
        check_doors(replace(city, tls_certificate=str(certificate[0])))
    assert refused.value.code == "settings.bad_value"
    check_doors(
        replace(city, portal_host="0.0.0.0", tls_certificate=str(certificate[0]), tls_key=str(certificate[1]))
    )


def test_serve_refuses_an_open_door_and_serves_tls(
    tmp_path: Path, certificate: tuple[Path, Path], free_port: Callable[[], int]
) -> None:
    home = tmp_path / "city"
    run(home, "init")
    refused = run(home, "serve", code=1, JUTONG_GATE_HOST="0.0.0.0")
    assert "settings.open_door" in refused.stderr

    port = free_port()
    served = subprocess.Popen(
        [sys.executable, "-m", "jutong.cli", "-C", str(home), "portal"],
        env={
            **os.environ, "JUTONG_PORTAL_PORT": str(port), "JUTONG_TLS_CERTIFICATE": str(certificate[0]),
            "JUTONG_TLS_KEY": str(certificate[1]),
        },
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        answer = _ask(f"https://127.0.0.1:{port}/sign-in", ssl.create_default_context(cafile=certificate[0]))
        assert answer.headers["Strict-Transport-Security"]
        assert all("Secure" in cookie for cookie in answer.headers.get_all("Set-Cookie") or ["Secure"])
    finally:
        served.terminate()
        served.wait(30)
        # Its worker may have been the last to leave, and not by itself.
        left = EmbeddedPostgres(home / "postgres")
        left.start()
        left.stop()


@pytest.fixture
def free_port() -> Callable[[], int]:
    def free() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    return free


def _ask(url: str, trust: ssl.SSLContext) -> urllib.request.addinfourl:
    deadline = time.monotonic() + 90
    while True:
        try:
            return urllib.request.urlopen(url, context=trust)
        except (urllib.error.URLError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
