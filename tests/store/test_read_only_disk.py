"""A lake on a disk that has gone read-only still answers, and says in one sentence why it does not write."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from jutong.store import DatasetSpec, Store
from jutong.terms import DatasetName, Item

RAW, KEYED = DatasetName.parse("raw.calls"), DatasetName.parse("standard.calls")
_CHILD = """
import json, sys
from dataclasses import replace
from pathlib import Path
from jutong.database import open_database
from jutong.settings import read_settings
from jutong.store import Store
from jutong.terms import JutongError
settings = replace(read_settings(sys.argv[1], {}), database_url=sys.argv[2], lake_memory="1GB")
said = {}
with open_database(settings) as database, Store.open(database, settings) as store:
    said["read"] = store.count("standard.calls")
    said["doctor"] = store.doctor()
    def merge():
        with store.writing("m", "standard.calls", author="t") as w:
            w.merge("standard.calls", "SELECT 'K1' AS k, 'other' AS v")
    for name, work in (
        ("merge", merge), ("archive", lambda: store.archive("raw.calls", ["b"])), ("compact", lambda: store.compact("standard.calls")),
    ):
        try:
            work()
            said[name] = "done"
        except JutongError as problem:
            said[name] = problem.code
    said["still"] = store.count("standard.calls")
print(json.dumps(said))
"""


@pytest.fixture
def namespaces() -> list[str]:
    """A command that runs another in a mount namespace of its own."""
    alone = ["unshare", "--mount", "--map-root-user"]
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("此机不许开挂载命名空间，做不出只读的盘")
    return alone


def test_it_reads_on_and_refuses_to_write_in_a_sentence(settings, database, namespaces):
    with Store.open(database, settings) as store:
        store.declare(
            [
                DatasetSpec(RAW, "x", (Item("_batch", "批次"), Item("code", "代码"))),
                DatasetSpec(KEYED, "x", (Item("k", "键"), Item("v", "值")), ("k",)),
            ]
        )
        with store.writing("one", RAW, KEYED, author="tests") as w:
            w.append(RAW, "SELECT 'b' AS _batch, '1' AS code FROM range(9)")
            w.merge(KEYED, "SELECT 'K' || i AS k, 'v' AS v FROM range(100) AS t(i)")
        settings.archive_folder.mkdir()
        mounts = " && ".join(
            f"mount --bind {folder} {folder} && mount -o remount,ro,bind {folder}"
            for folder in (settings.lake_folder, settings.archive_folder)
        )
        child = [sys.executable, "-c", _CHILD, str(settings.home), settings.database_url]
        ran = subprocess.run(
            [*namespaces, "sh", "-c", f'{mounts} && exec "$@"', "sh", *child],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        said = json.loads(ran.stdout)
        assert (said["read"], said["still"]) == (100, 100)
        assert any("写不进去" in sentence for sentence in said["doctor"])
        assert (said["merge"], said["archive"]) == ("store.disk_refuses", "store.disk_refuses")
        # And once the disk lets us, everything goes on where it stood.
        with store.writing("m", KEYED, author="tests") as w:
            assert w.merge(KEYED, "SELECT 'K1' AS k, 'other' AS v").updated == 1
        assert [part.rows for part in store.archive(RAW, ["b"])] == [9]
