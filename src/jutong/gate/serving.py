"""The gate as a process: Granian workers that answer, and one keeper that feeds them.

The keeper is a process of its own, so that a crash in native code there never stops an answer; it brings the
replicas up to the lake, merges the ledger's streams every few seconds and keeps their heads in the control
database.  It ends with its parent, and is started again if it dies alone.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psycopg
from granian.constants import Interfaces, Loops
from granian.server import Server

from jutong.database import Database, open_database
from jutong.gate.past import answer_past
from jutong.gate.replicating import replicate
from jutong.gate.worker import Worker
from jutong.keys import SoftwareKeys
from jutong.ledger import Ledger, keep_heads
from jutong.settings import Settings, check_doors
from jutong.store import Store
from jutong.terms import JutongError

_LOG = logging.getLogger("jutong.gate")
_REPLICATE_SECONDS = 1.0
#: A receipt is provable in the log after at most about this long (design §7, ledger).
_SEQUENCE_SECONDS = 5.0


def serve(settings: Settings, port: int | None = None) -> None:
    """Run the gate until SIGTERM or SIGINT.

    Workers are spawned, never forked: a fork would copy locks of threads that do not exist in the child.
    """
    check_doors(settings)
    multiprocessing.set_start_method("spawn", force=True)
    settings.gate_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open_database(settings) as database:
        Ledger.open(
            settings.ledger_folder,
            SoftwareKeys.open(settings.keys_folder),
            origin=settings.ledger_origin,
            sm2=settings.ledger_sm2,
        )
        server = Server(
            "jutong.gate",
            address=settings.gate_host,
            port=port if port is not None else settings.gate_port,
            interface=Interfaces.RSGI,
            workers=settings.gate_workers,
            loop=Loops.uvloop,
            websockets=False,
            log_access=False,
            respawn_failed_workers=True,
            ssl_cert=Path(settings.tls_certificate) if settings.tls_certificate else None,
            ssl_key=Path(settings.tls_key) if settings.tls_key else None,
            ssl_ca=Path(settings.gate_client_ca) if settings.gate_client_ca else None,
            ssl_client_verify=bool(settings.gate_client_ca),
        )
        ending = threading.Event()
        keeping = threading.Thread(target=_keep_keeper, args=(settings, ending), daemon=True)
        server.on_startup(keeping.start)
        try:
            server.serve(
                target_loader=partial(make_worker, settings, database.url, os.getpid()), wrap_loader=False
            )
        finally:
            ending.set()
            if keeping.is_alive():
                keeping.join()


def make_worker(settings: Settings, database_url: str, parent: int) -> Any:
    """In the worker process: the RSGI application that Granian runs; ``parent`` is the gate's process."""
    return Worker(settings, database_url, SoftwareKeys.open(settings.keys_folder), parent)


def keep(settings: Settings, parent: int) -> None:
    """The keeper's life until its parent is gone: replicas in one thread, the ledger in another.

    ``parent`` is told, not looked up: a gate killed while its keeper starts would never be missed.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with open_database(settings) as database, Store.open(database, settings) as store:
        threading.Thread(target=_sequence, args=(settings, database), name="sequencer", daemon=True).start()
        answer_past(settings.gate_folder, database, store)
        while os.getppid() == parent:
            try:
                for one in replicate(database, store, settings.gate_folder):
                    if one.problem:
                        _LOG.warning("服务 %s 的副本没有更新：%s", one.service, one.problem)
            except (JutongError, psycopg.Error, OSError) as problem:
                _LOG.warning("副本：%s", problem)
            time.sleep(_REPLICATE_SECONDS)


def _sequence(settings: Settings, database: Database) -> None:
    ledger = Ledger.open(
        settings.ledger_folder, SoftwareKeys.open(settings.keys_folder), origin=settings.ledger_origin
    )
    while True:
        try:
            ledger.sequence()
            with database.connection() as connection:
                keep_heads(connection, ledger)
        except (JutongError, psycopg.Error, OSError) as problem:
            _LOG.warning("账本：%s", problem)
        time.sleep(_SEQUENCE_SECONDS)


def _keep_keeper(settings: Settings, ending: threading.Event) -> None:
    keeper: BaseProcess | None = None
    while not ending.is_set():
        if keeper is None or not keeper.is_alive():
            keeper = multiprocessing.get_context("spawn").Process(
                target=keep, args=(settings, os.getpid()), daemon=True
            )
            keeper.start()
        ending.wait(0.5)
    if keeper is not None and keeper.is_alive():
        keeper.terminate()
        keeper.join()
