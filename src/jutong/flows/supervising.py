"""``jutong serve``: three processes of one package, kept alive and ended by their ids."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from types import FrameType

from jutong.settings import Settings

#: A process that dies at once must not eat the machine while it is restarted.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_GRACE_SECONDS = 15
#: Tells a child whose it is, so that it does not outlive a supervisor that was killed.
SUPERVISOR = "JUTONG_SUPERVISOR"


def supervise(settings: Settings, names: Sequence[str]) -> None:
    """Run ``jutong NAME`` for each name until SIGINT or SIGTERM; restart what dies, ever more slowly."""
    children = {name: _spawn(settings, name) for name in names}
    pauses = dict.fromkeys(names, _FIRST_PAUSE)
    due: dict[str, float] = {}
    stopping = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        while not stopping:
            for name, child in children.items():
                if child.poll() is None:
                    continue
                if name not in due:
                    print(f"{name} 以 {child.returncode} 结束，{pauses[name]:g} 秒后重启", file=sys.stderr)
                    due[name] = time.monotonic() + pauses[name]
                    pauses[name] = min(_LONGEST_PAUSE, pauses[name] * 2)
                elif time.monotonic() >= due[name]:
                    del due[name]
                    children[name] = _spawn(settings, name)
            time.sleep(0.2)
    finally:
        _end(list(children.values()))
        for number, handler in before.items():
            signal.signal(number, handler)


def _spawn(settings: Settings, name: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "jutong.cli", "-C", str(settings.home), name],
        env={**os.environ, SUPERVISOR: str(os.getpid())},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


def end_with_supervisor() -> None:
    """In a child: end as by SIGTERM once the supervisor is gone; a process nobody supervises is left alone."""
    supervisor = os.environ.get(SUPERVISOR)
    if supervisor:
        threading.Thread(target=_watch_supervisor, args=(int(supervisor),), daemon=True).start()


def _watch_supervisor(supervisor: int) -> None:
    while os.getppid() == supervisor:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)


def _end(children: list[subprocess.Popen[bytes]]) -> None:
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            child.terminate()
    deadline = time.monotonic() + _GRACE_SECONDS
    for child in children:
        try:
            child.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
