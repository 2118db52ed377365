"""Real servers on this machine: SFTP by asyncssh, FTP and FTPS by pyftpdlib; all may be cut off in the middle of a
file."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import threading
import warnings
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import asyncssh
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import DTPHandler, FTPHandler, TLS_DTPHandler, TLS_FTPHandler
    from pyftpdlib.servers import FTPServer

logging.getLogger("pyftpdlib").setLevel(logging.ERROR)


class SftpServer:
    """A folder behind SFTP, in a thread of its own; ``fail_after``: bytes after which the connection is cut, once."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.fail_after, self.port = folder, None, 0
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.client_key = asyncssh.generate_private_key("ssh-ed25519")
        self.print = self.key.get_fingerprint()
        self.sent = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(20)

    async def _start(self) -> None:
        outer = self

        class Auth(asyncssh.SSHServer):
            def connection_made(self, conn: Any) -> None:
                self._conn = conn

            def begin_auth(self, username: str) -> bool:
                self._conn.set_authorized_keys(
                    asyncssh.import_authorized_keys(outer.client_key.export_public_key().decode())
                )
                return True

            def password_auth_supported(self) -> bool:
                return True

            def validate_password(self, username: str, password: str) -> bool:
                return (username, password) == ("d23", "s3cret")

        class Files(asyncssh.SFTPServer):
            def __init__(self, chan: Any) -> None:
                super().__init__(chan, chroot=str(outer.folder).encode())
                self._channel = chan

            async def read(self, file_obj: Any, offset: int, size: int) -> bytes:
                if outer.fail_after is not None and offset >= outer.fail_after:
                    outer.fail_after = None
                    self._channel.get_connection().abort()
                    raise asyncssh.SFTPConnectionLost("cut")
                file_obj.seek(offset)
                data = bytes(file_obj.read(size))
                outer.sent += len(data)
                return data

        self._acceptor = await asyncssh.create_server(
            Auth, "127.0.0.1", 0, server_host_keys=[self.key], sftp_factory=Files
        )
        self.port = self._acceptor.get_port()

    def new_key(self) -> None:
        """Another machine answers at the same place."""
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(20)
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(20)

    async def _close(self) -> None:
        self._acceptor.close()
        await self._acceptor.wait_closed()

    def stop(self) -> None:
        async def end() -> None:
            await self._close()
            mine = asyncio.current_task()
            others = [task for task in asyncio.all_tasks() if task is not mine]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)
        self._loop.close()


class Ftp:
    """A folder behind FTP; ``old``: a server that knows neither MLSD nor UTF-8 names; ``certificate``: a PEM file of
    key and certificate, and nothing is said or sent but within TLS (RFC 4217)."""

    def __init__(self, folder: Path, *, old: bool = False, certificate: Path | None = None) -> None:
        outer = self
        self.fail_after: int | None = None
        authorizer = DummyAuthorizer()
        authorizer.add_user("d23", "s3cret", str(folder), perm="elr")

        talks: Any = TLS_FTPHandler if certificate else FTPHandler
        sends: Any = TLS_DTPHandler if certificate else DTPHandler

        class Data(sends):
            def send(self, data: bytes) -> int:
                if outer.fail_after is not None:
                    outer.fail_after -= len(data)
                    if outer.fail_after < 0:
                        outer.fail_after = None
                        self.cmd_channel.close()
                        self.close()
                        return 0
                return int(super().send(data))

        commands = {
            name: value for name, value in talks.proto_cmds.items() if not old or name not in ("MLSD", "MLST")
        }

        class Handler(talks):
            proto_cmds = commands
            dtp_handler = Data
            encoding = "gb18030" if old else "utf8"

        if certificate:
            Handler.certfile = str(certificate)
            Handler.tls_control_required = Handler.tls_data_required = True
        Handler.authorizer = authorizer
        Handler.use_sendfile = False
        self._server = FTPServer(("127.0.0.1", 0), Handler)
        self.port = int(self._server.socket.getsockname()[1])
        self._stop = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @staticmethod
    def certified(folder: Path) -> Path:
        """A PEM file with a key and its own certificate, made out to this machine."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
        now = dt.datetime.now(dt.UTC)
        made = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )  # fmt: skip
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file = folder / "ftps.pem"
        file.write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
        return file

    def _run(self) -> None:
        while not self._stop:
            self._server.ioloop.loop(0.02, False)

    def stop(self) -> None:
        self._stop = True
        self._thread.join(20)
        self._server.close_all()
