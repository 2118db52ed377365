"""Static files under addresses that change with their content, so a browser may keep them for ever.

``/static/3f2a90c1d4/css/base.css``: the second part is the first ten hex digits of the file's SHA-256.
Nothing is served that was not in the package when the portal started, so no path can climb out of the folder.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.responses import Response

FOLDER = Path(__file__).parent / "static"

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".md": "text/plain; charset=utf-8",
    "": "text/plain; charset=utf-8",
}


@dataclass(frozen=True)
class Asset:
    name: str
    fingerprint: str
    content: bytes
    packed: bytes
    media_type: str


class Assets:
    """Every file of one folder, read once."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._by_name = {
            asset.name: asset
            for asset in (_read(folder, path) for path in sorted(folder.rglob("*")) if path.is_file())
        }

    def url(self, name: str) -> str:
        """The address of a file; an unknown name is a mistake in a template and raises KeyError."""
        asset = self._by_name[name]
        return f"/static/{asset.fingerprint}/{asset.name}"

    def answer(self, fingerprint: str, name: str, *, accepts_gzip: bool) -> Response:
        """The file; an old fingerprint still gets today's content, but may not be kept."""
        asset = self._by_name.get(name)
        if asset is None:
            return Response("没有这个文件", 404, media_type="text/plain; charset=utf-8")
        fresh = asset.fingerprint == fingerprint
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable" if fresh else "no-cache",
            "Vary": "Accept-Encoding",
        }
        if accepts_gzip and len(asset.packed) < len(asset.content):
            headers["Content-Encoding"] = "gzip"
            return Response(asset.packed, headers=headers, media_type=asset.media_type)
        return Response(asset.content, headers=headers, media_type=asset.media_type)


def _read(folder: Path, path: Path) -> Asset:
    content = path.read_bytes()
    return Asset(
        name=path.relative_to(folder).as_posix(),
        fingerprint=hashlib.sha256(content).hexdigest()[:10],
        content=content,
        packed=gzip.compress(content, mtime=0),
        media_type=_TYPES.get(path.suffix, _TYPES[""]),
    )
