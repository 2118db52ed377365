"""AWS Signature Version 4 for requests without a body, as its reference describes it, with the steps' names."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import quote

NOTHING = hashlib.sha256(b"").hexdigest()


def signed(
    method: str,
    host: str,
    path: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    *,
    key: str,
    secret: str,
    region: str,
    now: dt.datetime,
) -> dict[str, str]:
    """The headers to send, ``Authorization`` among them; ``path`` is already encoded."""
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    sent = {**headers, "host": host, "x-amz-content-sha256": NOTHING, "x-amz-date": moment}
    names = sorted(name.lower() for name in sent)
    values = {name.lower(): " ".join(value.split()) for name, value in sent.items()}
    canonical = "\n".join(
        (method, path, query_text(query), *(f"{name}:{values[name]}" for name in names), "", ";".join(names), NOTHING)
    )  # fmt: skip
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    to_sign = "\n".join(("AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    signing_key = f"AWS4{secret}".encode()
    for part in (moment[:8], region, "s3", "aws4_request"):
        signing_key = hmac.digest(signing_key, part.encode(), "sha256")
    signature = hmac.digest(signing_key, to_sign.encode(), "sha256").hex()
    credential = f"AWS4-HMAC-SHA256 Credential={key}/{scope}"
    sent["Authorization"] = f"{credential},SignedHeaders={';'.join(names)},Signature={signature}"
    return sent


def query_text(query: Mapping[str, str]) -> str:
    return "&".join(f"{quote(name, safe='-_.~')}={quote(query[name], safe='-_.~')}" for name in sorted(query))
