"""远程取: from real servers, a file is taken when it is whole, once, byte for byte, and nothing torn ever lands."""

from __future__ import annotations

import datetime as dt
import hashlib
import http.client
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import asyncssh
import pytest
from tests.gather.far import Ftp, SftpServer
from tests.gather.foreign_city import City
from tests.store.test_bucket import bucket, program

from jutong.gather import find_source, find_tables, probe_source, remote_state, take_fetched
from jutong.outside import open_remote
from jutong.outside.s3.signing import signed
from jutong.terms import BadInput, Unavailable

__all__ = ["bucket", "program"]
ITEMS = ({"name": "code", "label": "代码"}, {"name": "name", "label": "名称"})
TEXT = "代码,名称\n001,甲\n002,乙\n".encode("gb18030")
LARGE = "代码,名称\n".encode() + b"".join(b"%06d,x\n" % number for number in range(400_000))


@pytest.fixture(autouse=True)
def here_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The servers stand on this machine, which a source may not call unless the administrator says so."""
    monkeypatch.setenv("JUTONG_HTTP_ALLOWED", "127.0.0.1")
    monkeypatch.setenv("FAR_SECRET", "s3cret")
    monkeypatch.setenv("S3_SECRET", "S3RVER")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "far" / "out").mkdir(parents=True)
    return tmp_path / "far" / "out"


@pytest.fixture
def sftp(folder: Path) -> Iterator[SftpServer]:
    server = SftpServer(folder.parent)
    yield server
    server.stop()


@pytest.fixture
def ftp(folder: Path) -> Iterator[Ftp]:
    server = Ftp(folder.parent)
    yield server
    server.stop()


@pytest.fixture(params=["sftp", "ftp"])
def far(request: pytest.FixtureRequest, folder: Path) -> Iterator[tuple[str, dict[str, Any], Any]]:
    server = SftpServer(folder.parent) if request.param == "sftp" else Ftp(folder.parent)
    config = {"host": "127.0.0.1", "port": server.port, "user": "d23", "folder": "/out"}
    if isinstance(server, SftpServer):
        config["host_key"] = server.print
    yield request.param, config, server
    server.stop()


def declared(city: City, kind: str, config: dict[str, Any], secret: str = "env:FAR_SECRET") -> None:
    city.declare(
        kind, config,
        {"name": "ent", "locator": {"file": "ent", "pattern": "企业*"}, "items": ITEMS, "mode": "incremental",
         "watermark_item": "_sent", "keys": ("code",)},
        secret_ref=secret,
    )  # fmt: skip


def round_of(city: City, settled: float = 0.0) -> list[str]:
    taken = take_fetched(city.database, city.store, city.home, settled=settled, names=[city.source])
    return [f"{one.file_name} {one.state}" for one in taken]


def state(city: City) -> tuple[str, dict[str, Any]]:
    """The code of what went wrong at the last look, and the files seen by name."""
    with city.database.connection() as connection:
        look, files = remote_state(connection, city.source)
    assert look is not None
    return str((look["problem"] or {}).get("code", "")), {row["path"]: row for row in files}


def test_a_file_far_away_is_taken_once_when_it_is_whole(
    city: City, folder: Path, far: tuple[str, dict[str, Any], Any]
) -> None:
    kind, config, _ = far
    declared(city, kind, config)
    (folder / "企业1.csv.part").write_bytes(TEXT)
    (folder / "别的.csv").write_bytes(TEXT)
    assert round_of(city) == []
    (folder / "企业1.csv").write_bytes(TEXT)
    assert round_of(city, settled=60) == []  # it was first seen just now
    assert set(state(city)[1]) == {"企业1.csv"}
    (folder / "企业1.csv.ok").write_text(hashlib.sha256(TEXT).hexdigest())
    assert round_of(city, settled=60) == ["企业1.csv taken"]
    assert round_of(city) == []
    (folder / "企业1.csv.ok").unlink()  # its mark going does not make it another file
    assert round_of(city) == []
    assert city.rows("ent", "code, name") == [("001", "甲"), ("002", "乙")]
    kept = city.home / "files" / hashlib.sha256(TEXT).hexdigest()[:2] / hashlib.sha256(TEXT).hexdigest()
    assert kept.read_bytes() == TEXT
    assert sorted(path.name for path in folder.iterdir()) == ["企业1.csv", "企业1.csv.part", "别的.csv"]
    (folder / "企业1.csv").write_bytes(TEXT + "003,丙\n".encode("gb18030"))  # the same name, other content
    assert round_of(city) == ["企业1.csv taken"]
    assert city.rows("ent", "count(*)", "1") == [(5,)]


def test_a_file_left_alone_is_whole_and_one_that_still_grows_is_not(
    city: City, folder: Path, far: tuple[str, dict[str, Any], Any]
) -> None:
    kind, config, _ = far
    declared(city, kind, config)
    (folder / "企业2.csv").write_bytes(TEXT[:9])
    assert round_of(city, settled=0.3) == []
    (folder / "企业2.csv").write_bytes(TEXT)
    assert round_of(city, settled=0.3) == []  # seen otherwise than before: it begins to settle anew
    time.sleep(0.4)
    assert round_of(city, settled=0.3) == ["企业2.csv taken"]
    (folder / "企业3.csv").write_bytes(b"a,b\n1,2\n3\n")
    assert round_of(city) == ["企业3.csv refused"]
    assert round_of(city) == []


def test_a_server_that_vanishes_in_the_middle_leaves_nothing_torn_and_is_gone_on_with(
    city: City, folder: Path, far: tuple[str, dict[str, Any], Any]
) -> None:
    kind, config, server = far
    declared(city, kind, config)
    (folder / "企业.csv").write_bytes(LARGE)
    server.fail_after = 2 << 20
    assert round_of(city) == []
    assert state(city)[0] == "outside.remote_vanished"
    server.sent = 0
    assert round_of(city) == ["企业.csv taken"]
    if kind == "sftp":  # only what had not come yet was sent again
        assert 0 < server.sent < len(LARGE) - (1 << 20)
    assert state(city)[0] == ""
    digest = hashlib.sha256(LARGE).hexdigest()
    assert (city.home / "files" / digest[:2] / digest).read_bytes() == LARGE
    assert city.rows("ent", "count(*), count(DISTINCT code)", "1") == [(400_000, 400_000)]


def test_a_file_that_changes_between_cut_and_return_begins_anew(
    city: City, folder: Path, sftp: SftpServer
) -> None:
    declared(city, "sftp", sftp_config(sftp))
    (folder / "企业.csv").write_bytes(LARGE)
    sftp.fail_after = 2 << 20
    assert round_of(city) == []
    other = LARGE.replace(b",x\n", b",y\n")
    (folder / "企业.csv").write_bytes(other)
    os.utime(folder / "企业.csv", (1_700_000_000, 1_700_000_000))
    assert round_of(city) == ["企业.csv taken"]
    assert city.rows("ent", "DISTINCT name", "1") == [("y",)]


def test_a_digest_that_differs_is_told_and_asked_again_when_the_mark_is_another(
    city: City, folder: Path, far: tuple[str, dict[str, Any], Any]
) -> None:
    kind, config, _ = far
    declared(city, kind, config)
    (folder / "企业.csv").write_bytes(TEXT)
    (folder / "企业.csv.md5").write_text("0" * 32)
    assert round_of(city) == []
    assert state(city)[1]["企业.csv"]["problem"]["code"] == "gather.digest_differs"
    assert round_of(city) == []
    (folder / "企业.csv.md5").write_text(hashlib.md5(TEXT).hexdigest() + "  企业.csv\n")
    assert round_of(city) == ["企业.csv taken"]


def sftp_config(server: SftpServer, **more: Any) -> dict[str, Any]:
    return {
        "host": "127.0.0.1", "port": server.port, "user": "d23", "folder": "/out", "host_key": server.print, **more,
    }  # fmt: skip


def test_a_host_that_is_not_the_one_declared_is_not_spoken_to(
    city: City, folder: Path, sftp: SftpServer
) -> None:
    with pytest.raises(BadInput) as unknown:
        open_remote("sftp", sftp_config(sftp, host_key=None), "s3cret")
    assert unknown.value.code == "outside.sftp_host_key"
    assert sftp.print in unknown.value.sentence  # so that it can be compared with the other side and declared
    whole = sftp.key.export_public_key().decode()
    open_remote("sftp", sftp_config(sftp, host_key=["SHA256:" + "A" * 43, whole]), "s3cret").close()
    declared(city, "sftp", sftp_config(sftp))
    (folder / "企业.csv").write_bytes(TEXT)
    sftp.new_key()
    config = sftp_config(sftp, host_key=sftp.print)
    declared(city, "sftp", config)
    assert round_of(city) == []
    assert state(city)[0] == "outside.sftp_host_key"


def test_a_key_signs_in_and_a_wrong_password_is_told_without_being_shown(
    city: City, folder: Path, far: tuple[str, dict[str, Any], Any], tmp_path: Path
) -> None:
    kind, config, server = far
    if isinstance(server, SftpServer):
        (tmp_path / "key").write_bytes(server.client_key.export_private_key())
        declared(city, kind, config, f"file:{tmp_path / 'key'}")
        (folder / "企业.csv").write_bytes(TEXT)
        assert round_of(city) == ["企业.csv taken"]
    with pytest.raises(BadInput) as wrong:
        open_remote(kind, config, "wr0ng")
    assert (wrong.value.code, "wr0ng" in str(wrong.value)) == ("outside.remote_refused", False)
    with pytest.raises(BadInput) as shown:
        open_remote(kind, {**config, "password": "x"}, None)
    assert shown.value.code == "outside.remote_config"
    with pytest.raises(Unavailable) as closed:
        open_remote(kind, {**config, "port": 9}, "s3cret")
    assert closed.value.code == "outside.remote_unreachable"


@pytest.mark.parametrize("kind", ["sftp", "ftp", "s3"])
def test_nobody_makes_us_call_ourselves(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JUTONG_HTTP_ALLOWED")
    for host in (
        "127.0.0.1",
        "localhost",
        "169.254.169.254",
        "[::ffff:127.0.0.1]" if kind == "s3" else "::1",
    ):
        config = {"host": host, "user": "x", "endpoint": f"http://{host}", "bucket": "b", "key": "k"}
        with pytest.raises(BadInput) as told:
            open_remote(kind, config, "s")
        assert told.value.code.endswith("forbidden_address")


def test_a_source_is_tried_without_taking_anything(
    city: City, folder: Path, far: tuple[str, dict[str, Any], Any]
) -> None:
    kind, config, _ = far
    declared(city, kind, config)

    def probed() -> Any:
        with city.database.connection() as connection:
            source, tables = find_source(connection, city.source), find_tables(connection, city.source)
        return probe_source(source, tables)

    assert probed().tables[0].problem["code"] == "outside.remote_nothing"
    (folder / "企业.csv").write_bytes(TEXT)
    answer = probed()
    assert answer.ok
    assert answer.tables[0].rows == ({"code": "001", "name": "甲"}, {"code": "002", "name": "乙"})
    (folder / "企业.csv").write_bytes(b"x,y\n1,2\n")
    assert probed().tables[0].problem["code"] == "gather.column_missing"
    with city.database.connection() as connection:
        assert remote_state(connection, city.source) == (None, [])


def test_an_old_ftp_server_is_asked_name_by_name_in_its_own_encoding(city: City, folder: Path) -> None:
    server = Ftp(folder.parent, old=True)
    try:
        config = {"host": "127.0.0.1", "port": server.port, "user": "d23", "folder": "/out"}
        declared(city, "ftp", {**config, "names_encoding": "gb18030"})
        (folder / "企业.csv").write_bytes(TEXT)
        (folder / "企业夹").mkdir()
        assert round_of(city) == ["企业.csv taken"]
        assert round_of(city) == []
    finally:
        server.stop()


def test_within_tls_nothing_is_said_in_the_open_and_a_stranger_is_not_spoken_to(
    city: City, folder: Path, tmp_path: Path
) -> None:
    pem = Ftp.certified(tmp_path)
    server = Ftp(folder.parent, certificate=pem)
    try:
        plain = {"host": "127.0.0.1", "port": server.port, "user": "d23", "folder": "/out"}
        with pytest.raises(BadInput) as bare:
            open_remote("ftp", plain, "s3cret")
        assert bare.value.code == "outside.remote_refused"
        with pytest.raises(BadInput) as stranger:
            open_remote("ftp", {**plain, "tls": True}, "s3cret")
        assert stranger.value.code == "outside.remote_refused"
        assert "证书" in stranger.value.sentence
        declared(city, "ftp", {**plain, "tls": True, "certificate": str(pem)})
        (folder / "企业.csv").write_bytes(LARGE)
        server.fail_after = 2 << 20
        assert round_of(city) == []
        assert state(city)[0] == "outside.remote_vanished"
        assert round_of(city) == ["企业.csv taken"]
        digest = hashlib.sha256(LARGE).hexdigest()
        assert (city.home / "files" / digest[:2] / digest).read_bytes() == LARGE
        assert round_of(city) == []
    finally:
        server.stop()


def test_folders_below_are_looked_into_as_deep_as_declared(
    city: City, folder: Path, far: tuple[str, dict[str, Any], Any]
) -> None:
    kind, config, _ = far
    (folder / "2025" / "08").mkdir(parents=True)
    for place, path in enumerate((folder / "2025", folder / "2025" / "08")):
        (path / "企业.csv").write_bytes(TEXT + b"%d,x\n" % place)
    declared(city, kind, {**config, "depth": 1})
    assert round_of(city) == ["企业.csv taken"]
    declared(city, kind, {**config, "depth": 2})
    assert round_of(city) == ["企业.csv taken"]


@pytest.mark.parametrize(
    ("path", "query", "headers", "signature"),
    [
        ("/", {"max-keys": "2", "prefix": "J"}, {}, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
        ("/test.txt", {}, {"Range": "bytes=0-9"}, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
    ],
)  # fmt: skip
def test_signatures_are_those_of_the_published_examples(
    path: str, query: dict[str, str], headers: dict[str, str], signature: str
) -> None:
    """AWS's reference of S3, «Authenticating Requests: Using the Authorization Header»: List Objects, GET Object."""
    sent = signed(
        "GET", "examplebucket.s3.amazonaws.com", path, query, headers, key="AKIAIOSFODNN7EXAMPLE",
        secret="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", region="us-east-1", now=dt.datetime(2013, 5, 24, tzinfo=dt.UTC),
    )  # fmt: skip
    assert sent["Authorization"].endswith(f"Signature={signature}")


Put = Callable[[str, bytes], None]


@pytest.fixture
def put(bucket: str) -> Put:
    """Writes an object, as a department's program does."""

    def write(name: str, content: bytes) -> None:
        parts, path = urlsplit(bucket), f"/lake/{quote(name)}"
        sent = signed(
            "PUT", parts.netloc, path, {}, {"x-amz-acl": "private"}, key="S3RVER", secret="S3RVER",
            region="us-east-1", now=dt.datetime.now(dt.UTC),
        )  # fmt: skip
        connection = http.client.HTTPConnection(parts.netloc)
        connection.request("PUT", path, content, sent)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        connection.close()

    return write


@pytest.mark.slow
def test_objects_of_a_bucket_are_taken_as_they_appear(city: City, bucket: str, put: Put) -> None:
    prefix = f"{city.tag}/出/"
    config = {"endpoint": bucket, "bucket": "lake", "prefix": prefix, "key": "S3RVER", "depth": 1}
    declared(city, "s3", config, "env:S3_SECRET")
    assert round_of(city) == []
    put(f"{prefix}企业 1+.csv", TEXT)
    put(f"{prefix}08/企业.csv", LARGE)
    put(f"{prefix}08/09/企业.csv", LARGE)
    assert sorted(round_of(city, settled=60)) == ["企业 1+.csv taken", "企业.csv taken"]
    assert round_of(city) == []
    digest = hashlib.sha256(LARGE).hexdigest()
    assert (city.home / "files" / digest[:2] / digest).read_bytes() == LARGE
    assert city.rows("ent", "count(*)", "1") == [(400_002,)]
    with pytest.raises(BadInput) as wrong:
        open_remote("s3", {**config, "key": "OTHER"}, "S3RVER").files()
    assert wrong.value.code == "outside.remote_refused"
    remote = open_remote("s3", config, "S3RVER")
    (large,) = [one for one in remote.files() if one.size == len(LARGE)]
    assert b"".join(remote.pieces(large, 1_000_000)) == LARGE[1_000_000:]
    assert remote.file("没有") is None


@pytest.mark.slow
def test_debians_own_sftp_server_gives_the_same(city: City, folder: Path, tmp_path: Path) -> None:
    """OpenSSH's sshd, run by us on a port of its own with a key of its own."""
    sshd = shutil.which("sshd", path="/usr/sbin:/usr/bin")
    if sshd is None:
        pytest.skip("没有 openssh-server")
    host, mine = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    for name, key in (("host", host), ("mine", mine)):
        (tmp_path / name).write_bytes(key.export_private_key())
        (tmp_path / name).chmod(0o600)
    (tmp_path / "authorized").write_bytes(mine.export_public_key())
    port = free_port()
    (tmp_path / "conf").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {tmp_path}/host\nAuthorizedKeysFile {tmp_path}/authorized\n"
        f"StrictModes no\nPidFile none\nUsePAM no\nPermitRootLogin yes\nSubsystem sftp internal-sftp\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    server = subprocess.Popen(
        [sshd, "-D", "-e", "-f", str(tmp_path / "conf")], stderr=subprocess.PIPE, text=True
    )
    try:
        assert server.stderr is not None
        said = server.stderr.readline()
        assert re.search("listening", said), said
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        config = {"host": "127.0.0.1", "port": port, "user": user, "folder": str(folder),
                  "host_key": host.export_public_key().decode().strip()}  # fmt: skip
        declared(city, "sftp", config, f"file:{tmp_path / 'mine'}")
        (folder / "企业.csv").write_bytes(LARGE)
        assert round_of(city) == ["企业.csv taken"]
        assert city.rows("ent", "count(*)", "1") == [(400_000,)]
    finally:
        server.kill()
        server.wait()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
