"""The objects under one prefix of a bucket: listed, and read from any place on as long as they are the same.

An object appears only when it is whole, and ``If-Match`` sees to it that all its pieces are of one version.
"""

from __future__ import annotations

import datetime as dt
import http.client
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree as ET

from jutong.outside.http.addresses import checked_url, connection_to, resolved
from jutong.outside.remote import (
    MOST_FILES,
    PIECE,
    SILENT,
    RemoteFile,
    depth_of,
    refused,
    too_many,
    unreachable,
    vanished,
)
from jutong.outside.s3.signing import query_text, signed
from jutong.terms import Address, BadInput

_LARGEST_LIST = 16 << 20


class Bucket:
    """``config``: ``endpoint`` (a URL), ``bucket``, ``prefix``, ``region`` (``us-east-1``), ``key`` (the access key's
    id), ``style`` (``path``, or ``host`` where the bucket is part of the host's name), ``depth``; the secret is the
    secret access key."""

    def __init__(self, config: Mapping[str, Any], secret: str | None) -> None:
        self._bucket, self._prefix = str(config.get("bucket") or ""), str(config.get("prefix") or "")
        self._key, self._secret = str(config.get("key") or ""), secret or ""
        self._region, self._depth = str(config.get("region") or "us-east-1"), depth_of(config)
        parts = checked_url(str(config.get("endpoint") or ""))
        if not self._bucket or not self._key or config.get("style", "path") not in ("path", "host"):
            raise BadInput("outside.remote_config", "须登记 endpoint、bucket 和 key；style 为 path 或 host")
        self._base = f"/{quote(self._bucket, safe='-_.~')}"
        if config.get("style") == "host":
            parts = urlsplit(f"{parts.scheme}://{self._bucket}.{parts.netloc}")
            self._base = ""
        self._parts, self._address = parts, resolved(parts)
        self._where = Address(file=parts.hostname)

    def files(self) -> list[RemoteFile]:
        found: list[RemoteFile] = []
        asked = {"list-type": "2", "prefix": self._prefix, "max-keys": "1000"}
        while True:
            listed = self._listed(asked)
            for one in listed.iterfind("{*}Contents"):
                path = str(one.findtext("{*}Key", "")).removeprefix(self._prefix)
                if path.strip("/") and not path.endswith("/") and path.strip("/").count("/") <= self._depth:
                    size = int(one.findtext("{*}Size", "0"))
                    found.append(RemoteFile(path, size, str(one.findtext("{*}ETag", "")).strip('"'), True))
            if len(found) > MOST_FILES:
                raise too_many(str(self._parts.hostname))
            following = listed.findtext("{*}NextContinuationToken")
            if listed.findtext("{*}IsTruncated") != "true" or not following:
                return found
            asked["continuation-token"] = following

    def _listed(self, asked: Mapping[str, str]) -> ET.Element:
        connection, answer = self._ask("GET", self._base or "/", asked, {})
        try:
            content = answer.read(_LARGEST_LIST + 1)
        except (OSError, http.client.HTTPException) as problem:
            raise vanished(self._bucket, problem) from None
        finally:
            connection.close()
        self._must(answer.status, content)
        if len(content) > _LARGEST_LIST or b"<!DOCTYPE" in content or b"<!ENTITY" in content:
            raise refused(str(self._parts.hostname), "对象存储的回答不像对象清单")
        try:
            return ET.fromstring(content)  # noqa: S314  declarations were refused above
        except ET.ParseError:
            raise refused(str(self._parts.hostname), "对象存储的回答不像对象清单") from None

    def file(self, path: str) -> RemoteFile | None:
        connection, answer = self._ask("HEAD", self._path(path), {}, {})
        connection.close()
        if answer.status == 404:
            return None
        self._must(answer.status, b"")
        size = int(answer.headers.get("Content-Length") or 0)
        return RemoteFile(path, size, (answer.headers.get("ETag") or "").strip('"'), whole=True)

    def pieces(self, file: RemoteFile, offset: int) -> Iterator[bytes]:
        if offset >= file.size:
            return
        headers = {"If-Match": f'"{file.stamp}"', "Range": f"bytes={offset}-"}
        connection, answer = self._ask("GET", self._path(file.path), {}, headers)
        try:
            if answer.status in (404, 412):
                return  # another version by now: what came so far is short and will not be taken
            self._must(answer.status, b"" if answer.status in (200, 206) else answer.read(4096))
            skipped = (
                offset if answer.status == 200 else 0
            )  # a server that does not know ranges sends it whole
            left = file.size - (offset - skipped)
            while piece := answer.read1(PIECE):
                left -= len(piece)
                fresh = piece[skipped:]
                skipped -= len(piece) - len(fresh)
                if fresh:
                    yield fresh
            if left > 0:
                raise vanished(file.path, "没有传完")
        except (OSError, http.client.HTTPException) as problem:
            raise vanished(file.path, problem) from None
        finally:
            connection.close()

    def close(self) -> None:
        """Each question has a connection of its own."""

    def _path(self, path: str) -> str:
        return f"{self._base}/{quote(self._prefix + path, safe='/-_.~')}"

    def _ask(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        now = dt.datetime.now(dt.UTC)
        sent = signed(
            method, self._parts.netloc, path, query, headers, key=self._key, secret=self._secret, region=self._region,
            now=now,
        )  # fmt: skip
        connection = connection_to(self._parts, self._address, SILENT)
        try:
            connection.request(method, path + (f"?{query_text(query)}" if query else ""), headers=sent)
            return connection, connection.getresponse()
        except (OSError, http.client.HTTPException) as problem:
            connection.close()
            raise unreachable(str(self._parts.hostname), problem) from None

    def _must(self, status: int, content: bytes) -> None:
        if status in (200, 206):
            return
        host = str(self._parts.hostname)
        if status >= 500 or status == 429:
            raise unreachable(host, f"对象存储答 {status}")
        said = content[:2000].decode(errors="replace").partition("<Code>")[2].partition("</Code>")[0]
        raise refused(host, f"对象存储没有答应（{status} {said[:60]}）；请看桶名、密钥和本机时钟")
