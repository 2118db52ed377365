"""存证核验: check a Jutong ledger, or one receipt, without Jutong and without a network.

    python -m jutong_verify DIR/ledger [--vkey KEY] [--sm2-vkey KEY] [--since OLD_CHECKPOINT]
    python -m jutong_verify DIR/ledger --receipts FILE [--witness KEY …]
    python -m jutong_verify --receipt TOKEN --vkey KEY

One file, standard library and ``cryptography`` only, so that an auditor can read all of it.  What it checks:

(1) the verifier key: the one you hold, or the folder's own (then only damage is found, not forgery);
(2) the checkpoint: C2SP signed note over origin, size and root hash; the same for the parallel SM3 tree; where the
    ledger also signs by SM2 (``vkey.sm2``, or the key you hold), that signature on both;
(3) every entry bundle, every tile of both trees, every hash in them, up to the signed roots (RFC 6962,
    C2SP tlog-tiles), and that each stream's records stand in the log in order, once each;
(4) every batch of every stream not yet merged: framing, chain, Merkle root, signature;
(5) that no other byte lies in the folder;
(6) with --since: that the checkpoint you kept is a prefix of today's log.

What it cannot see: a log cut back to an older state, unless you hold a newer checkpoint or receipt (--receipts), or
a witness does (--witness).
"""

from __future__ import annotations

import argparse
import base64
import binascii
import fcntl
import hashlib
import json
import os
import re
import struct
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Hash = Callable[[bytes], bytes]

TILE = 256
NO_HEAD = b"\0" * 32
#: Frame of a batch: magic, bytes that follow the frame header, records, first sequence; then CRC-32 of these.
FRAME = struct.Struct(">4sIIQ")
FRAME_BYTES = FRAME.size + 4
MAGIC = b"JTB1"
#: After the records of a batch: head of the batch before it, then the signature.
TRAILER_BYTES = 32 + 64
#: The small files whose signatures and sizes hold the rest together.
_HEADS = ("vkey", "vkey.sm2", "checkpoint", "sm3/checkpoint", "plan")
_MOST_PROBLEMS = 100


class Damaged(Exception):
    """A sentence about bytes that are not what they should be, and where in their file."""

    def __init__(self, sentence: str, offset: int | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.offset = offset


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


#: Copied for each hash: half a microsecond less than asking for a new one.
_SM3 = hashes.Hash(hashes.SM3())


def sm3(data: bytes) -> bytes:
    """GB/T 32905-2016, through ``cryptography`` because not every Python's OpenSSL has it."""
    digest = _SM3.copy()
    digest.update(data)
    return digest.finalize()


# Merkle trees, RFC 6962 section 2.1


def leaf_hash(hash_: Hash, entry: bytes) -> bytes:
    return hash_(b"\0" + entry)


def node_hash(hash_: Hash, left: bytes, right: bytes) -> bytes:
    return hash_(b"\1" + left + right)


def root_of(hash_: Hash, nodes: Sequence[bytes]) -> bytes:
    """Root over the hashes of consecutive equal subtrees, the last of which may be smaller."""
    level = list(nodes)
    if not level:
        return hash_(b"")
    while len(level) > 1:
        paired = [node_hash(hash_, level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = [*paired, level[-1]] if len(level) % 2 else paired
    return level[0]


def root_by_path(hash_: Hash, leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root an inclusion proof leads to (RFC 9162 2.1.3.2); Damaged if the proof has the wrong length."""
    if not 0 <= index < size:
        raise Damaged("证明的序号超出树的大小")
    node, last, found = index, size - 1, leaf
    for step in path:
        if last == 0:
            raise Damaged("证明过长")
        if node & 1 or node == last:
            found = node_hash(hash_, step, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(hash_, found, step)
        node, last = node >> 1, last >> 1
    if last:
        raise Damaged("证明过短")
    return found


def check_consistency(
    hash_: Hash, old: tuple[int, bytes], new: tuple[int, bytes], proof: Sequence[bytes]
) -> None:
    """RFC 9162 2.1.4.2: the tree (size, root) ``old`` is a prefix of ``new``, or Damaged."""
    (old_size, old_root), (new_size, new_root) = old, new
    if old_size in (0, new_size):
        if proof or (old_size and old_root != new_root):
            raise Damaged("一致性证明不成立")
        return
    steps = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    if not steps:
        raise Damaged("一致性证明过短")
    low = high = steps[0]
    for step in steps[1:]:
        if last == 0:
            raise Damaged("一致性证明过长")
        if node & 1 or node == last:
            low, high = node_hash(hash_, step, low), node_hash(hash_, step, high)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            high = node_hash(hash_, high, step)
        node, last = node >> 1, last >> 1
    if last or low != old_root or high != new_root:
        raise Damaged("一致性证明不成立")


# Signed notes and checkpoints, C2SP signed-note and tlog-checkpoint


def from_base64(text: str) -> bytes:
    """Standard base64, and only the one way to write it: a flipped spare bit is damage too."""
    try:
        raw = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError, ValueError) as problem:
        raise Damaged("base64 文本损坏") from problem
    if base64.b64encode(raw).decode() != text:
        raise Damaged("base64 文本损坏")
    return raw


@dataclass(frozen=True)
class VerifierKey:
    """``<name>+<hex key id>+<base64 0x01 || Ed25519 public key>``."""

    name: str
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        return sha256(self.name.encode() + b"\n\x01" + self.public_key)[:4]

    @classmethod
    def parse(cls, text: str) -> Self:
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        raw = from_base64(encoded)
        if len(raw) != 33 or raw[0] != 1 or not name:
            raise Damaged("核验公钥不是 Ed25519 的 vkey")
        key = cls(name, raw[1:])
        if key.key_id.hex() != key_id:
            raise Damaged("核验公钥的名称、编号与公钥不一致")
        return key

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(b'%c' % 1 + self.public_key).decode()}"

    def named(self, suffix: str) -> VerifierKey:
        """The same public key under another note name, e.g. the parallel SM3 tree's."""
        return VerifierKey(self.name + suffix, self.public_key)

    def check(self, data: bytes, signature: bytes) -> None:
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, data)
        except (InvalidSignature, ValueError) as problem:
            raise Damaged("签名与内容不符") from problem


def open_note(note: str, key: VerifierKey) -> str:
    """The signed text of a note, newline included; Damaged unless ``key`` signed it.

    Signatures of others (witnesses) may follow ours and are left to those who know their keys.
    """
    text, separator, signatures = note.rpartition("\n\n")
    if not separator or not signatures.endswith("\n"):
        raise Damaged("不是完整的签名文书")
    text += "\n"
    signed = False
    for line in signatures[:-1].split("\n"):
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "—":
            raise Damaged("签名行格式不对")
        raw = from_base64(parts[2])
        if parts[1] == key.name and raw[:4] == key.key_id:
            key.check(text.encode(), raw[4:])
            signed = True
    if not signed:
        raise Damaged("没有本账本公钥的签名")
    return text


@dataclass(frozen=True)
class WitnessKey:
    """``<name>+<hex key id>+<base64 0x04 || Ed25519 public key>`` (C2SP tlog-cosignature)."""

    name: str
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        return sha256(self.name.encode() + b"\n\x04" + self.public_key)[:4]

    @classmethod
    def parse(cls, text: str) -> Self:
        name, _, rest = text.strip().partition("+")
        raw = from_base64(rest.partition("+")[2])
        if len(raw) != 33 or raw[0] != 4 or not name:
            raise Damaged("见证方公钥格式不对")
        key = cls(name, raw[1:])
        if str(key) != text.strip():
            raise Damaged("见证方公钥的名称、编号与公钥不一致")
        return key

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(b'%c' % 4 + self.public_key).decode()}"

    def check(self, note: str) -> int:
        """When this witness signed the note, in seconds since 1970; Damaged if it did not."""
        text, _, lines = note.rpartition("\n\n")
        for line in lines.splitlines():
            parts = line.split(" ")
            raw = from_base64(parts[-1]) if len(parts) == 3 and parts[1] == self.name else b""
            if len(raw) == 76 and raw[:4] == self.key_id:
                seconds = int.from_bytes(raw[4:12])
                VerifierKey(self.name, self.public_key).check(cosigned_text(text + "\n", seconds), raw[12:])
                return seconds
        raise Damaged(f"没有见证方 {self.name} 的签名")


def cosigned_text(text: str, seconds: int) -> bytes:
    """What a witness signs of a checkpoint."""
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


# SM2, GB/T 32918.2-2016 over the curve of GB/T 32918.5-2017

SM2_P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
SM2_A = SM2_P - 3
SM2_B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
SM2_N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
SM2_G = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
#: Who signs, where nobody has a name of his own (GB/T 35276).
SM2_ID = b"1234567812345678"
#: Signed notes have no number for SM2: 0xff, then a name of ours (C2SP signed-note, signature types).
_SM2_TYPE = b"\xffjutong.sm2-sm3/v1"

#: Affine coordinates; None is the point at infinity.
Point = tuple[int, int] | None


def sm2_add(one: Point, other: Point) -> Point:
    if one is None or other is None:
        return one or other
    (x, y), (u, v) = one, other
    if x == u and (y + v) % SM2_P == 0:
        return None
    slope = (
        (3 * x * x + SM2_A) * pow(2 * y, -1, SM2_P) if one == other else (v - y) * pow(u - x, -1, SM2_P)
    ) % SM2_P
    w = (slope * slope - x - u) % SM2_P
    return w, (slope * (x - w) - y) % SM2_P


def sm2_times(factor: int, point: Point) -> Point:
    """Montgomery's ladder: the same steps for every factor below 2^256."""
    low: Point = None
    high = point
    for bit in range(255, -1, -1):
        both = sm2_add(low, high)
        if factor >> bit & 1:
            low, high = both, sm2_add(high, high)
        else:
            low, high = sm2_add(low, low), both
    return low


def sm2_digest(public_key: bytes, data: bytes) -> int:
    """E of GB/T 32918.2: SM3 over Z (who signs, with what key, on which curve) and the data."""
    curve = b"".join(number.to_bytes(32) for number in (SM2_A, SM2_B, *SM2_G))
    signer = sm3((8 * len(SM2_ID)).to_bytes(2) + SM2_ID + curve + public_key[1:])
    return int.from_bytes(sm3(signer + data))


def sm2_point(public_key: bytes) -> Point:
    """The point of ``04 || x || y``; Damaged unless it is one of the curve."""
    x, y = int.from_bytes(public_key[1:33]), int.from_bytes(public_key[33:])
    on_curve = (y * y - x * x * x - SM2_A * x - SM2_B) % SM2_P == 0
    if len(public_key) != 65 or public_key[0] != 4 or x >= SM2_P or y >= SM2_P or not on_curve:
        raise Damaged("SM2 公钥不在曲线上")
    return x, y


def check_sm2(public_key: bytes, data: bytes, signature: bytes) -> None:
    """Return if ``signature`` (r || s, 64 bytes) is this key's over ``data``, else Damaged."""
    point = sm2_point(public_key)
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    if len(signature) != 64 or not (0 < r < SM2_N and 0 < s < SM2_N) or (r + s) % SM2_N == 0:
        raise Damaged("SM2 签名与内容不符")
    found = sm2_add(sm2_times(s, SM2_G), sm2_times((r + s) % SM2_N, point))
    if found is None or (sm2_digest(public_key, data) + found[0]) % SM2_N != r:
        raise Damaged("SM2 签名与内容不符")


@dataclass(frozen=True)
class Sm2Key:
    """``<name>+<hex key id>+<base64 0xff || "jutong.sm2-sm3/v1" || 0x04 || x || y>``"""

    name: str
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + _SM2_TYPE + self.public_key)[:4]

    @classmethod
    def parse(cls, text: str) -> Self:
        name, _, rest = text.strip().partition("+")
        raw = from_base64(rest.partition("+")[2])
        if not raw.startswith(_SM2_TYPE) or not name:
            raise Damaged("SM2 公钥格式不对")
        key = cls(name, raw.removeprefix(_SM2_TYPE))
        sm2_point(key.public_key)
        if str(key) != text.strip():
            raise Damaged("SM2 公钥的名称、编号与公钥不一致")
        return key

    def __str__(self) -> str:
        encoded = base64.b64encode(_SM2_TYPE + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    def named(self, suffix: str) -> Sm2Key:
        """As ``VerifierKey.named``."""
        return Sm2Key(self.name + suffix, self.public_key)

    def check(self, note: str) -> None:
        """Return if this key signed the note, else Damaged."""
        text, _, lines = note.rpartition("\n\n")
        for line in lines.splitlines():
            parts = line.split(" ")
            raw = from_base64(parts[-1]) if len(parts) == 3 and parts[1] == self.name else b""
            if raw[:4] == self.key_id:
                check_sm2(self.public_key, f"{text}\n".encode(), raw[4:])
                return
        raise Damaged(f"没有 {self.name} 的 SM2 签名")


@dataclass(frozen=True)
class Checkpoint:
    """Origin, size and root of a tree (C2SP tlog-checkpoint without extension lines)."""

    origin: str
    size: int
    root: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        lines = text.split("\n")
        if len(lines) != 4 or lines[3] or not lines[0] or not re.fullmatch(r"0|[1-9][0-9]*", lines[1]):
            raise Damaged("检查点格式不对")
        root = from_base64(lines[2])
        if len(root) != 32:
            raise Damaged("检查点的根不是 32 字节")
        return cls(lines[0], int(lines[1]), root)

    @classmethod
    def open(cls, note: str, key: VerifierKey) -> Self:
        """The checkpoint of a signed note whose origin and signer are both ``key``'s name."""
        checkpoint = cls.parse(open_note(note, key))
        if checkpoint.origin != key.name:
            raise Damaged("检查点的来源与公钥的名称不同")
        return checkpoint

    def __str__(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


# Streams: what a writer has made durable before the sequencer merged it


def batch_text(origin: str, stream: str, first: int, count: int, root: bytes, before: bytes) -> bytes:
    """What the one signature of a batch signs; its SHA-256 is the stream's head after the batch."""
    lines = (
        "jutong.batch/v1",
        origin,
        stream,
        f"{first} {count}",
        base64.b64encode(root).decode(),
        base64.b64encode(before).decode(),
    )
    return "".join(f"{line}\n" for line in lines).encode()


@dataclass(frozen=True)
class Batch:
    offset: int
    end: int
    first: int
    leaves: tuple[bytes, ...]
    head: bytes


@dataclass(frozen=True)
class Segment:
    """One file of a stream: a signed header, whole batches, and perhaps a torn tail that was never answered for."""

    stream: str
    first: int
    batches: tuple[Batch, ...]
    #: Where the last whole batch ends.
    end: int
    torn: int
    #: Head of the stream before this segment and after its last whole batch.
    before: bytes
    head: bytes

    @property
    def following(self) -> int:
        """Sequence of the record that comes next."""
        return self.batches[-1].first + len(self.batches[-1].leaves) if self.batches else self.first


def header_text(stream: str, first: int, before: bytes) -> str:
    return f"jutong.stream/v1\n{stream}\n{first}\n{base64.b64encode(before).decode()}\n"


def read_segment(data: bytes, key: VerifierKey, name: str) -> Segment:
    """Check a whole stream file; Damaged (with the offset) where a byte is not what was signed.

    A tail shorter than its own frame says, or nothing but zeros, is torn: a crash cut it before it was
    acknowledged.  A tail that is complete and wrong is damage.
    """
    stream, first, before, offset = _read_header(data, key)
    if name != segment_name(stream, first):
        raise Damaged("文件名与其中的流名、序号不符", 0)
    batches: list[Batch] = []
    head, following, start = before, first, offset
    while offset < len(data):
        batch = _read_batch(data, offset, key, stream, head)
        if batch is None:
            break
        if batch.first != following:
            raise Damaged(f"序号应从 {following} 开始，实为 {batch.first}", offset)
        batches.append(batch)
        head, following, offset = batch.head, batch.first + len(batch.leaves), batch.end
    end = batches[-1].end if batches else start
    return Segment(stream, first, tuple(batches), end, len(data) - end, before, head)


def segment_name(stream: str, first: int) -> str:
    return f"{stream}.{first:012d}"


def _read_header(data: bytes, key: VerifierKey) -> tuple[str, int, bytes, int]:
    blank = data.find(b"\n\n")
    end = data.find(b"\n", blank + 2) + 1
    if blank < 0 or end == 0:
        raise Damaged("流文件的开头不完整", 0)
    try:
        text = open_note(data[:end].decode(), key)
        kind, stream, first, before, _ = text.split("\n")
    except (Damaged, ValueError) as problem:
        raise Damaged("流文件的开头损坏", 0) from problem
    if kind != "jutong.stream/v1":
        raise Damaged("流文件的开头损坏", 0)
    return stream, int(first), from_base64(before), end


def _read_batch(data: bytes, offset: int, key: VerifierKey, stream: str, before: bytes) -> Batch | None:
    left = len(data) - offset
    if left < FRAME_BYTES or not any(data[offset:]):
        return None
    frame = data[offset : offset + FRAME.size]
    magic, length, count, first = FRAME.unpack(frame)
    if magic != MAGIC or zlib.crc32(frame) != int.from_bytes(
        data[offset + FRAME.size : offset + FRAME_BYTES]
    ):
        raise Damaged("批次的帧头损坏", offset)
    start = offset + FRAME_BYTES
    if len(data) - start < length:
        return None
    end = start + length
    leaves = _split(data[start : end - TRAILER_BYTES])
    if leaves is None or len(leaves) != count:
        raise Damaged("批次中记录的长度损坏", start)
    said, signature = data[end - TRAILER_BYTES : end - 64], data[end - 64 : end]
    if said != before:
        raise Damaged("批次没有接在前一批次之后", end - TRAILER_BYTES)
    text = batch_text(
        key.name, stream, first, count, root_of(sha256, [leaf_hash(sha256, x) for x in leaves]), said
    )
    try:
        key.check(text, signature)
    except Damaged as problem:
        raise Damaged("批次的内容与签名不符", offset) from problem
    return Batch(offset, end, first, tuple(leaves), sha256(text))


def _split(body: bytes) -> list[bytes] | None:
    """Entries behind big-endian uint16 lengths; None if the lengths do not come out even."""
    entries, at = [], 0
    while at < len(body):
        length = int.from_bytes(body[at : at + 2])
        if at + 2 + length > len(body):
            return None
        entries.append(body[at + 2 : at + 2 + length])
        at += 2 + length
    return entries


# Receipts


class Receipt(NamedTuple):
    """Proof that a record was durable: its place in a signed batch of a stream.

    Text form ``jt1~stream~sequence~first~count~base64url(leaf ‖ before ‖ signature ‖ path…)``.
    """

    stream: str
    sequence: int
    first: int
    count: int  # type: ignore[assignment]
    leaf: bytes
    before: bytes
    signature: bytes
    path: tuple[bytes, ...]

    def token(self) -> str:
        raw = b"".join((self.leaf, self.before, self.signature, *self.path))
        tail = base64.urlsafe_b64encode(raw).decode().rstrip("=")
        return f"jt1~{self.stream}~{self.sequence}~{self.first}~{self.count}~{tail}"

    @classmethod
    def parse(cls, token: str) -> Self:
        try:
            kind, stream, sequence, first, count, tail = token.strip().split("~")
            raw = base64.b64decode(tail + "=" * (-len(tail) % 4), altchars=b"-_", validate=True)
            numbers = int(sequence), int(first), int(count)
        except (ValueError, binascii.Error) as problem:
            raise Damaged("回执格式不对") from problem
        if kind != "jt1" or len(raw) < 128 or len(raw) % 32:
            raise Damaged("回执格式不对")
        path = tuple(raw[at : at + 32] for at in range(128, len(raw), 32))
        receipt = cls(stream, *numbers, raw[:32], raw[32:64], raw[64:128], path)
        if receipt.token() != token.strip():
            raise Damaged("回执格式不对")
        return receipt

    def check(self, key: VerifierKey) -> None:
        """Return if ``key`` signed this very place, else Damaged."""
        root = root_by_path(sha256, self.leaf, self.sequence - self.first, self.count, self.path)
        key.check(
            batch_text(key.name, self.stream, self.first, self.count, root, self.before), self.signature
        )


@dataclass(frozen=True)
class Proof:
    """``c2sp.org/tlog-proof@v1``: an entry's place in the log under a signed checkpoint."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: str

    def __str__(self) -> str:
        lines = ["c2sp.org/tlog-proof@v1", f"index {self.index}"]
        lines += [base64.b64encode(step).decode() for step in self.path]
        return "".join(f"{line}\n" for line in [*lines, ""]) + self.checkpoint

    @classmethod
    def parse(cls, text: str) -> Self:
        head, _, checkpoint = text.partition("\n\n")
        kind, index, *path = [line for line in head.split("\n") if not line.startswith("extra ")]
        if kind != "c2sp.org/tlog-proof@v1" or not re.fullmatch(r"index (0|[1-9][0-9]*)", index):
            raise Damaged("不是 tlog-proof 文书")
        return cls(int(index[6:]), tuple(from_base64(step) for step in path), checkpoint)

    def check(self, leaf: bytes, key: VerifierKey) -> Checkpoint:
        """The checkpoint that has ``leaf`` at this index, or Damaged."""
        checkpoint = Checkpoint.open(self.checkpoint, key)
        if root_by_path(sha256, leaf, self.index, checkpoint.size, self.path) != checkpoint.root:
            raise Damaged("证明与检查点的根不符")
        return checkpoint


# The folder


def tile_path(n: int, width: int = TILE) -> str:
    """``x001/x234/067``, with ``.p/<W>`` if partial (C2SP tlog-tiles)."""
    digits = f"{n:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    path = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return path if width == TILE else f"{path}.p/{width}"


_TILE_FILE = re.compile(r"(sm3/)?tile/(entries|0|[1-9]\d?)/((?:x\d{3}/)*)(\d{3})(?:\.p/([1-9]\d{0,2}))?")
_ORDER = re.compile(rb'\{"stream":"([A-Za-z0-9.-]+)","sequence":(\d+),')


@dataclass(frozen=True)
class Problem:
    file: str
    sentence: str
    #: Byte offset in the file, where it can be told.
    offset: int | None = None
    #: Index of the entry in the log, where it is about one.
    index: int | None = None

    def __str__(self) -> str:
        where = f" 第 {self.offset} 字节" if self.offset is not None else ""
        which = f" 第 {self.index} 条" if self.index is not None else ""
        return f"{self.file}{where}{which}：{self.sentence}"


@dataclass
class Report:
    ok: bool = True
    origin: str = ""
    size: int = 0
    root: str = ""
    #: Records durable in streams and not yet merged.
    waiting: int = 0
    problems: list[Problem] = field(default_factory=list)
    #: Harmless remains of an interrupted run, cleared at the next start.
    notes: list[str] = field(default_factory=list)

    def problem(self, file: str, sentence: str, offset: int | None = None, index: int | None = None) -> None:
        self.add([Problem(file, sentence, offset, index)])

    def add(self, problems: Sequence[Problem]) -> None:
        self.ok = self.ok and not problems
        self.problems.extend(problems[: _MOST_PROBLEMS - len(self.problems)])


@dataclass(frozen=True)
class Plan:
    """The order of the records being merged, decided and signed before anything is written by it."""

    before: int
    after: int
    runs: tuple[tuple[str, int, int], ...] = ()
    following: tuple[tuple[str, int], ...] = ()

    def __str__(self) -> str:
        lines = ["jutong.plan/v1", f"before {self.before}", f"after {self.after}"]
        lines += [f"run {stream} {first} {count}" for stream, first, count in self.runs]
        lines += [f"next {stream} {sequence}" for stream, sequence in self.following]
        return "".join(f"{line}\n" for line in lines)

    @classmethod
    def parse(cls, text: str) -> Self:
        try:
            kind, before, after, *rest = [line.split(" ") for line in text.rstrip("\n").split("\n")]
            if kind != ["jutong.plan/v1"] or before[0] != "before" or after[0] != "after":
                raise ValueError
            runs = tuple((part[1], int(part[2]), int(part[3])) for part in rest if part[0] == "run")
            following = tuple((part[1], int(part[2])) for part in rest if part[0] == "next")
            return cls(int(before[1]), int(after[1]), runs, following)
        except (ValueError, IndexError) as problem:
            raise Damaged("排序单格式不对") from problem


class _Tree:
    """One Merkle tree of the folder, checked tile by tile against hashes computed from the entries."""

    def __init__(self, folder: Path, prefix: str, hash_: Hash, size: int, report: Report) -> None:
        self.folder, self.prefix, self.hash, self.size, self.report = folder, prefix, hash_, size, report
        #: Hashes of each level's last, unfinished tile.
        self._edge: list[list[bytes]] = [[]]
        #: Lowest edge tile as stored, and what to say of it once the signed root tells which side is wrong.
        self._doubt: tuple[list[bytes], list[Problem], list[Problem]] | None = None

    def add(self, n: int, computed: list[bytes], spot: Callable[[int], Problem]) -> None:
        """Leaf hashes of bundle ``n``; ``spot`` words the problem of the entry at a place in it."""
        stored = self._stored(0, n, len(computed))
        chosen = computed
        if stored is not None and stored != computed:
            wrong = [place for place in range(len(computed)) if stored[place] != computed[place]]
            tiles = [self._bad_hash(0, n, place, len(computed)) for place in wrong]
            entries = [spot(place) for place in wrong]
            if len(computed) < TILE:
                self._doubt = (stored, tiles, entries)
            else:
                parent = self._parent(n)
                if parent == root_of(self.hash, stored):
                    chosen = stored
                    self.report.add(entries)
                else:
                    self.report.add(tiles if parent == root_of(self.hash, computed) else tiles + entries)
        self._push(0, n, chosen)

    def finish(self, root: bytes) -> None:
        """Compare the right edge and the root; name what differs."""
        for level, nodes in enumerate(self._edge):
            if nodes and level:
                self._compare(level, self.size >> (8 * (level + 1)), nodes)
        found = self._root(self._edge[0])
        if self._doubt is not None:
            stored, tiles, entries = self._doubt
            if self._root(stored) == root:
                found = root
                self.report.add(entries)
            else:
                self.report.add(tiles if found == root else tiles + entries)
        if found != root and self.report.ok:
            self.report.problem(f"{self.prefix}checkpoint", "检查点的根与全部记录算出的根不符")

    def _push(self, level: int, n: int, nodes: list[bytes]) -> None:
        if len(nodes) < TILE:
            self._edge[level] = nodes
            return
        self._edge[level] = []
        if len(self._edge) == level + 1:
            self._edge.append([])
        above = [*self._edge[level + 1], root_of(self.hash, nodes)]
        if len(above) == TILE:
            self._compare(level + 1, n // TILE, above)
        self._push(level + 1, n // TILE, above)

    def _root(self, lowest: list[bytes]) -> bytes:
        return _fold(self.hash, [lowest, *self._edge[1:]])

    def _compare(self, level: int, n: int, computed: list[bytes]) -> None:
        stored = self._stored(level, n, len(computed)) or computed
        wrong = (place for place in range(len(computed)) if stored[place] != computed[place])
        self.report.add([self._bad_hash(level, n, place, len(computed)) for place in wrong])

    def _file(self, level: int, n: int, width: int) -> str:
        return f"{self.prefix}tile/{level}/{tile_path(n, width)}"

    def _bad_hash(self, level: int, n: int, place: int, width: int) -> Problem:
        index = (n * TILE + place) * TILE**level
        return Problem(self._file(level, n, width), "树瓦中的哈希与记录不符", place * 32, index)

    def _stored(self, level: int, n: int, width: int) -> list[bytes] | None:
        read = _read(self.folder, self._file(level, n, width), self._file(level, n, TILE))
        if read is None:
            self.report.problem(self._file(level, n, width), "树瓦缺失")
            return None
        file, data = read
        if len(data) != 32 * (TILE if file.endswith(tile_path(n)) else width):
            self.report.problem(file, "树瓦长度不对", len(data))
            return None
        return [data[at : at + 32] for at in range(0, width * 32, 32)]

    def _parent(self, n: int) -> bytes | None:
        """The stored hash of the full level-0 tile ``n``."""
        width = min(TILE, (self.size >> 8) - (n // TILE) * TILE)
        read = _read(self.folder, self._file(1, n // TILE, width), self._file(1, n // TILE, TILE))
        return read[1][n % TILE * 32 :][:32] if read else None


def _fold(hash_: Hash, edge: Sequence[Sequence[bytes]]) -> bytes:
    """Root over the hashes of the unfinished tile of each level, lowest level first."""
    rest: list[bytes] = []
    for nodes in edge:
        row = [*nodes, *rest]
        rest = [root_of(hash_, row)] if row else []
    return rest[0] if rest else hash_(b"")


def _read(folder: Path, *files: str) -> tuple[str, bytes] | None:
    """Name and content of the first file that is there: a partial tile may give way to the full one any moment."""
    for file in files:
        try:
            return file, (folder / file).read_bytes()
        except FileNotFoundError:
            continue
    return None


def verify_folder(
    folder: Path, vkey: str | None = None, since: str | None = None, sm2: str | None = None
) -> Report:
    """Steps (1)–(6) of the module's docstring; every problem found is in the report, none is raised."""
    report = Report()
    listing, heads, streams = _frozen(folder)
    try:
        key = _trusted_key(heads, vkey, report)  # (1)
        checkpoint = _open_checkpoint(heads, "checkpoint", key)  # (2)
        parallel = _open_checkpoint(heads, "sm3/checkpoint", key.named("/sm3"))
        plan = _open_plan(heads, key)
    except _Stop as stop:
        report.problem(stop.file, stop.sentence)
        return report
    _verify_sm2(heads, key, sm2, report)
    report.origin, report.size = checkpoint.origin, checkpoint.size
    report.root = base64.b64encode(checkpoint.root).decode()
    unfinished = plan.after > checkpoint.size
    if not unfinished and (plan.after != checkpoint.size or parallel.size != checkpoint.size):
        report.problem("plan", "排序单、检查点与国密检查点的大小不一致")
    counted = _verify_entries(folder, checkpoint, parallel, report)  # (3)
    _verify_streams(streams, key, plan, None if unfinished else counted, report)  # (4)
    _verify_listing(folder, listing, checkpoint.size, plan.after, report)  # (5)
    if since is not None:
        _verify_since(folder, since, key, checkpoint, report)  # (6)
    return report


class _Stop(Exception):
    def __init__(self, file: str, sentence: str) -> None:
        super().__init__(sentence)
        self.file, self.sentence = file, sentence


def _frozen(folder: Path) -> tuple[dict[str, int], dict[str, bytes], dict[str, bytes]]:
    """File list, heads and streams at one instant, while no sequencer is at work."""
    lock = folder / "lock"
    descriptor = os.open(lock, os.O_RDONLY) if lock.exists() else None
    try:
        if descriptor is not None:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        listing = dict(_files(folder, ""))
        heads = {name: (folder / name).read_bytes() for name in listing if name in _HEADS}
        streams = {
            name: (folder / name).read_bytes() for name in sorted(listing) if name.startswith("streams/")
        }
    finally:
        if descriptor is not None:
            os.close(descriptor)
    return listing, heads, streams


def _files(folder: Path, under: str) -> Iterator[tuple[str, int]]:
    """Every file below the folder with its size; a link is a file, wherever it leads."""
    with os.scandir(folder) as found:
        for one in found:
            if one.is_dir(follow_symlinks=False):
                yield from _files(Path(one.path), f"{under}{one.name}/")
            else:
                yield under + one.name, one.stat(follow_symlinks=False).st_size


def _trusted_key(heads: dict[str, bytes], vkey: str | None, report: Report) -> VerifierKey:
    text = _text(heads, "vkey")
    try:
        own = VerifierKey.parse(text)
        if text != f"{own}\n":
            raise Damaged("核验公钥文件格式不对")
    except Damaged as problem:
        if vkey is None:
            raise _Stop("vkey", problem.sentence) from problem
        report.problem("vkey", problem.sentence)
        return VerifierKey.parse(vkey)
    if vkey is None:
        return own
    held = VerifierKey.parse(vkey)
    if held != own:
        report.problem("vkey", "文件夹中的公钥不是您所持有的公钥")
    return held


def _text(heads: dict[str, bytes], name: str) -> str:
    if name not in heads:
        raise _Stop(name, "文件缺失")
    try:
        return heads[name].decode()
    except UnicodeDecodeError as problem:
        raise _Stop(name, f"第 {problem.start} 字节不是 UTF-8 文本") from problem


def _open_checkpoint(heads: dict[str, bytes], name: str, key: VerifierKey) -> Checkpoint:
    try:
        return Checkpoint.open(_text(heads, name), key)
    except Damaged as problem:
        raise _Stop(name, problem.sentence) from problem


def _verify_sm2(heads: dict[str, bytes], key: VerifierKey, held: str | None, report: Report) -> None:
    """(2) The SM2 signatures, if the ledger makes them or you hold its key."""
    if held is None and "vkey.sm2" not in heads:
        others = [
            line for line in _text(heads, "checkpoint").splitlines() if line.startswith(f"— {key.name} ")
        ]
        if len(others) > 1:
            report.problem("vkey.sm2", "文件缺失：检查点另有一个本账本的签名")
        return
    try:
        text = _text(heads, "vkey.sm2")
        own = Sm2Key.parse(text)
        if text != f"{own}\n" or own.name != key.name:
            raise Damaged("SM2 公钥文件格式不对，或不是本账本的")
        if held is not None and Sm2Key.parse(held) != own:
            raise Damaged("文件夹中的 SM2 公钥不是您所持有的公钥")
    except (_Stop, Damaged) as problem:
        report.problem("vkey.sm2", problem.sentence)
        if held is None:
            return
    trusted = Sm2Key.parse(held) if held is not None else own
    for name, suffix in (("checkpoint", ""), ("sm3/checkpoint", "/sm3")):
        try:
            trusted.named(suffix).check(_text(heads, name))
        except Damaged as problem:
            report.problem(name, problem.sentence)


def _open_plan(heads: dict[str, bytes], key: VerifierKey) -> Plan:
    try:
        return Plan.parse(open_note(_text(heads, "plan"), key))
    except Damaged as problem:
        raise _Stop("plan", problem.sentence) from problem


def _verify_entries(
    folder: Path, checkpoint: Checkpoint, parallel: Checkpoint, report: Report
) -> dict[str, int]:
    """Every bundle against both trees; returns how many records of each stream stand in the log."""
    size = checkpoint.size
    trees = [_Tree(folder, "", sha256, size, report)]
    if parallel.size == size:
        trees.append(_Tree(folder, "sm3/", sm3, size, report))
    counted: dict[str, int] = {}
    for n in range(-(-size // TILE)):
        width = min(TILE, size - n * TILE)
        read = _read(folder, f"tile/entries/{tile_path(n, width)}", f"tile/entries/{tile_path(n)}")
        if read is None:
            report.problem(f"tile/entries/{tile_path(n, width)}", "记录文件缺失", index=n * TILE)
            continue
        bundle = _Bundle.of(*read, n, width)
        if bundle.fault is not None:
            report.add([bundle.fault])
        for tree in trees:
            tree.add(n, [leaf_hash(tree.hash, entry) for entry in bundle.entries], bundle.differs)
        _count(bundle, counted, report)
    trees[0].finish(checkpoint.root)
    if len(trees) > 1:
        trees[1].finish(parallel.root)
    return counted


@dataclass(frozen=True)
class _Bundle:
    file: str
    n: int
    entries: list[bytes]
    #: Where each entry begins, and where the last one ends.
    offsets: list[int]
    fault: Problem | None

    @classmethod
    def of(cls, file: str, data: bytes, n: int, width: int) -> Self:
        """The first ``width`` entries; missing ones are empty, and the fault says where reading stopped."""
        entries, offsets = _parsed(data, width)
        whole = not file.endswith(tile_path(n)) or width == TILE
        found, fault = len(entries), None
        if found < width or (whole and offsets[-1] != len(data)):
            fault = Problem(file, "记录的长度损坏", offsets[-1], n * TILE + min(found, width - 1))
        offsets += [len(data)] * (width - found)
        return cls(file, n, entries + [b""] * (width - found), offsets, fault)

    def differs(self, place: int) -> Problem:
        return self.problem(place, "记录与已签名的树不符")

    def problem(self, place: int, sentence: str) -> Problem:
        return Problem(self.file, sentence, self.offsets[place], self.n * TILE + place)


def _parsed(data: bytes, width: int) -> tuple[list[bytes], list[int]]:
    entries: list[bytes] = []
    offsets = [0]
    while len(entries) < width:
        start = offsets[-1] + 2
        end = start + int.from_bytes(data[start - 2 : start])
        if end > len(data) or start > len(data):
            break
        entries.append(data[start:end])
        offsets.append(end)
    return entries, offsets


def _count(bundle: _Bundle, counted: dict[str, int], report: Report) -> None:
    """Each stream's records stand in the log in their order, once each; silent once something else is wrong."""
    for place, entry in enumerate(bundle.entries if report.ok else ()):
        order = _ORDER.match(entry)
        if order is None:
            report.add([bundle.problem(place, "记录没有写明流与序号")])
            return
        stream, sequence = order[1].decode(), int(order[2])
        expected = counted.get(stream, 0)
        if sequence != expected:
            report.add([bundle.problem(place, f"流 {stream} 的序号应为 {expected}，实为 {sequence}")])
            return
        counted[stream] = sequence + 1


def _verify_streams(
    files: dict[str, bytes], key: VerifierKey, plan: Plan, counted: dict[str, int] | None, report: Report
) -> None:
    following = dict(plan.following)
    if counted is not None and report.ok:
        for stream, sequence in following.items():
            if counted.get(stream, 0) != sequence:
                report.problem(
                    "plan", f"流 {stream} 已入账 {counted.get(stream, 0)} 条，排序单写 {sequence} 条"
                )
    last: dict[str, Segment] = {}
    for name, data in files.items():
        try:
            segment = read_segment(data, key, name.removeprefix("streams/"))
        except Damaged as problem:
            report.problem(name, problem.sentence, problem.offset)
            continue
        before = last.get(segment.stream)
        if before is not None and (before.following != segment.first or before.head != segment.before):
            report.problem(name, "没有接在同一流的前一个文件之后", 0)
        elif before is None and segment.first > following.get(segment.stream, 0):
            report.problem(
                name, f"第 {following.get(segment.stream, 0)} 至 {segment.first - 1} 条记录缺失", 0
            )
        if before is not None and before.torn:
            report.problem(name, "前一个文件的末尾不完整", 0)
        last[segment.stream] = segment
        report.waiting += sum(
            batch.first + place >= following.get(segment.stream, 0)
            for batch in segment.batches
            for place in range(len(batch.leaves))
        )
        if segment.torn:
            report.notes.append(f"{name}：末尾 {segment.torn} 字节是未曾应答的残缺记录")
    for stream, segment in last.items():
        if segment.following < following.get(stream, 0) and report.ok:
            report.problem(f"streams/{segment_name(stream, segment.first)}", "流的末尾被截去")


def _verify_listing(folder: Path, listing: dict[str, int], size: int, planned: int, report: Report) -> None:
    """Every file is one we know, and older partial tiles are prefixes of the newest."""
    for name, length in listing.items():
        if name in _HEADS or name.startswith("streams/"):
            continue
        if name.startswith("tmp/"):
            report.notes.append(f"{name}：中断的写入留下的临时文件")
        elif name == "lock":
            if length:
                report.problem(name, "锁文件应为空", 0)
        elif (tile := _TILE_FILE.fullmatch(name)) is None:
            report.problem(name, "不属于账本的文件")
        else:
            _verify_tile_file(folder, name, tile, size, planned, report)


def _verify_tile_file(
    folder: Path, name: str, tile: re.Match[str], size: int, planned: int, report: Report
) -> None:
    level = 0 if tile[2] == "entries" else int(tile[2])
    n = int((tile[3] + tile[4]).replace("x", "").replace("/", ""))
    width = int(tile[5] or TILE)
    whole = f"{tile[1] or ''}tile/{tile[2]}/"
    if name != whole + tile_path(n, width) or width > TILE:
        report.problem(name, "不属于账本的文件")
    elif n * TILE + width > size >> (8 * level):
        if n * TILE + width <= planned >> (8 * level):
            report.notes.append(f"{name}：未完成的合并，下次启动时重做")
        else:
            report.problem(name, "超出检查点的文件")
    else:
        present = min(TILE, (size >> (8 * level)) - n * TILE)
        if width == present:
            return  # compared in step (3)
        newest = _read(folder, whole + tile_path(n, present), whole + tile_path(n))
        older = _read(folder, name)
        if older is None or newest is None:
            return  # given way to the full one since the list was made, or already named as missing
        expected = newest[1][: _parsed(newest[1], width)[1][-1] if tile[2] == "entries" else width * 32]
        if older[1] != expected:
            pairs = zip(older[1], expected, strict=False)
            same = next((at for at, (one, other) in enumerate(pairs) if one != other), len(expected))
            report.problem(name, "较早的树瓦与较新的不一致", same)


def root_at(folder: Path, size: int, newest: int, hash_: Hash = sha256, prefix: str = "") -> bytes:
    """Root of the first ``size`` entries, from the tiles of a log of ``newest`` entries."""
    edge = []
    for level in range(8):
        n, width = size >> (8 * (level + 1)), (size >> (8 * level)) % TILE
        present = min(TILE, (newest >> (8 * level)) - n * TILE)
        base = f"{prefix}tile/{level}/"
        read = _read(folder, base + tile_path(n, present), base + tile_path(n)) if width else (base, b"")
        if read is None or len(read[1]) < width * 32:
            raise Damaged(f"树瓦 {base}{tile_path(n, present)} 缺失")
        edge.append([read[1][at : at + 32] for at in range(0, width * 32, 32)])
    return _fold(hash_, edge)


def _verify_since(folder: Path, since: str, key: VerifierKey, newest: Checkpoint, report: Report) -> None:
    try:
        held = Checkpoint.open(since, key)
        if held.size > newest.size:
            raise Damaged(f"您持有的检查点有 {held.size} 条，账本只有 {newest.size} 条：账本被截短")
        if root_at(folder, held.size, newest.size) != held.root:
            raise Damaged("您持有的检查点不是这本账的前缀：历史被改写")
    except Damaged as problem:
        report.problem("checkpoint", problem.sentence)


def missing_receipts(folder: Path, tokens: Sequence[str], vkey: str | None = None) -> list[Problem]:
    """Receipts whose record the folder no longer holds, in the log or waiting in a stream.

    Together with ``verify_folder`` this shows a stream cut off before it was merged: whoever holds the signing key
    can write a shorter stream, but not one that holds what a consumer has a receipt for.
    """
    key = VerifierKey.parse(vkey or (folder / "vkey").read_text(encoding="utf-8"))
    wanted: dict[bytes, Receipt] = {}
    for token in tokens:
        receipt = Receipt.parse(token)
        receipt.check(key)
        wanted[receipt.leaf] = receipt
    # The streams first: what is merged meanwhile, and gone from them, then stands in the log.
    for file in sorted((folder / "streams").glob("*")):
        try:
            data = file.read_bytes()
        except FileNotFoundError:
            continue
        for batch in read_segment(data, key, file.name).batches:
            for entry in batch.leaves:
                wanted.pop(leaf_hash(sha256, entry), None)
    # Only what the signed checkpoint covers: a tile file beyond it is anybody's.
    size = Checkpoint.open((folder / "checkpoint").read_text(encoding="utf-8"), key).size
    for n in range(-(-size // TILE)):
        width = min(TILE, size - n * TILE)
        read = _read(folder, f"tile/0/{tile_path(n, width)}", f"tile/0/{tile_path(n)}")
        data = read[1] if read else b""
        for at in range(0, width * 32, 32):
            wanted.pop(data[at : at + 32], None)
    return [
        Problem(f"streams/{one.stream}", f"第 {one.sequence} 条已应答（有回执），如今既不在流中也不在账上")
        for one in wanted.values()
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 only if everything that was asked holds."""
    parser = argparse.ArgumentParser(prog="jutong_verify", description="离线核验聚通的存证账本与回执")
    parser.add_argument("folder", nargs="?", type=Path, help="账本文件夹 DIR/ledger")
    parser.add_argument("--vkey", help="您持有的核验公钥 (名称+编号+公钥)")
    parser.add_argument("--sm2-vkey", help="您持有的 SM2 核验公钥：检查点还须有其签名")
    parser.add_argument("--since", type=Path, help="您保存的旧检查点文件：核验账本未被改写或截短")
    parser.add_argument("--receipt", help="一张回执 (应答头 Jutong-Receipt)")
    parser.add_argument("--proof", type=Path, help="回执的入账证明 (tlog-proof 文件)")
    parser.add_argument("--receipts", type=Path, help="回执文件，每行一张：核验它们都还在账上")
    parser.add_argument(
        "--witness", action="append", default=[], help="见证方公钥：--since 的检查点须有其签名"
    )
    parser.add_argument("--json", action="store_true", help="输出 JSON")
    given = parser.parse_args(arguments)
    if given.folder is None and not (given.receipt and given.vkey):
        parser.error("请给出账本文件夹，或回执与公钥")
    try:
        if given.receipt:
            vkey = given.vkey or (given.folder / "vkey").read_text(encoding="utf-8")
            return _say_receipt(given.receipt, vkey, given.proof, as_json=given.json)
        since = given.since.read_text(encoding="utf-8") if given.since else None
        for witness in given.witness:
            WitnessKey.parse(witness).check(
                since or (given.folder / "checkpoint").read_text(encoding="utf-8")
            )
        report = verify_folder(given.folder, given.vkey, since, given.sm2_vkey)
        if given.receipts:
            tokens = given.receipts.read_text(encoding="utf-8").split()
            report.add(missing_receipts(given.folder, tokens, given.vkey))
        return _say_report(report, as_json=given.json)
    except Damaged as problem:
        print(
            json.dumps({"ok": False, "problem": problem.sentence}, ensure_ascii=False)
            if given.json
            else f"✗ {problem}"
        )
        return 1


def _say_report(report: Report, *, as_json: bool) -> int:
    if as_json:
        print(
            json.dumps(
                {**vars(report), "problems": [vars(one) for one in report.problems]}, ensure_ascii=False
            )
        )
    else:
        for one in report.problems:
            print(f"✗ {one}")
        for note in report.notes:
            print(f"· {note}")
        print(f"{report.origin} 共 {report.size} 条，待合并 {report.waiting} 条，根 {report.root}")
        print("✓ 全部相符" if report.ok else f"✗ {len(report.problems)} 处不符")
    return 0 if report.ok else 1


def _say_receipt(token: str, vkey: str, proof: Path | None, *, as_json: bool) -> int:
    key = VerifierKey.parse(vkey)
    receipt = Receipt.parse(token)
    receipt.check(key)
    said: dict[str, object] = {"ok": True, "stream": receipt.stream, "sequence": receipt.sequence}
    said["leaf"] = receipt.leaf.hex()
    if proof is not None:
        found = Proof.parse(proof.read_text(encoding="utf-8"))
        said |= {"index": found.index, "size": found.check(receipt.leaf, key).size}
    sentence = f"✓ {key.name} 已记下 {receipt.stream} 第 {receipt.sequence} 条"
    print(json.dumps(said) if as_json else sentence + (f"，账上第 {said['index']} 条" if proof else ""))
    return 0


if __name__ == "__main__":
    sys.exit(main())
