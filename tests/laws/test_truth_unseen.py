"""The pipeline never opens ``DIR/truth``: the kernel is asked, so that a reader in any language is seen.

This module takes new batches, so it stands last among those that share the sample city.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.journey.sample import run, sample_of

from jutong.city import truth_folder

_OPENED, _READ = 0x20, 0x01
_EVENT = struct.Struct("iIII")


@contextmanager
def watched(folder: Path) -> Iterator[list[str]]:
    """Collects what any process opens or reads in ``folder`` or below, by inotify."""
    libc = ctypes.CDLL(None, use_errno=True)
    folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    descriptor = libc.inotify_init1(os.O_NONBLOCK)
    assert descriptor >= 0, os.strerror(ctypes.get_errno())
    try:
        for one in folders:
            assert libc.inotify_add_watch(descriptor, os.fsencode(one), _OPENED | _READ) >= 0
        seen: list[str] = []
        yield seen
        seen += _events(descriptor)
    finally:
        os.close(descriptor)


def _events(descriptor: int) -> Iterator[str]:
    while True:
        try:
            told = os.read(descriptor, 1 << 16)
        except BlockingIOError:
            return
        place = 0
        while place < len(told):
            _, _, _, length = _EVENT.unpack_from(told, place)
            place += _EVENT.size + length
            yield told[place - length : place].rstrip(b"\0").decode() or "."


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return sample_of(tmp_path_factory).home


def test_evaluation_is_seen_to_open_the_truth(home):
    """Else the next test would prove nothing."""
    with watched(truth_folder(home)) as seen:
        run(home, "fuse", "evaluate", "legal_entity", "--truth", str(truth_folder(home)))
    assert any(name.endswith(".entities.parquet") for name in seen)


@pytest.mark.slow
def test_no_stage_of_the_pipeline_opens_the_truth(home, tmp_path):
    with watched(truth_folder(home)) as seen, _outside(home):
        for words in (
            ["run"],
            ["figures", "--all", "--batches"],
            ["catalogue", "search", "企业"],
            ["ledger", "verify"],
            ["backup", str(tmp_path / "backup")],
        ):
            run(home, *words)
    assert seen == []


@contextmanager
def _outside(home: Path) -> Iterator[None]:
    """The departments' own server runs meanwhile."""
    from jutong.database import EmbeddedPostgres

    server = EmbeddedPostgres(home / "outside" / "postgres")
    server.start()
    try:
        yield
    finally:
        server.stop()
