"""``jutong witness``: a second party's own process, with its own folder and key; it needs no city."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import click

from jutong.cli.shared import as_json, console, say
from jutong.terms import JutongError, NotFound


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--ledger", "where", required=True, metavar="DIR|URL", help="账本：存证目录，或网关地址")
@click.option("--vkey", help="账本的核验公钥；第一次不给则记住所见到的那个")
@click.option("--name", default="jutong.example/witness", show_default=True, help="见证方的名称")
@click.option("--every", type=float, help="每隔这么多秒看一次，直到停止；缺省只看一次")
@as_json
def witness(
    folder: Path, where: str, vkey: str | None, name: str, every: float | None, machine: bool
) -> None:
    """见证：核对账本只增不改，并在检查点上会签；发现改写或截短即报警并留下证据。"""
    from jutong.keys import SoftwareKeys
    from jutong.ledger import Witness, of_folder, of_gate
    from jutong_verify import VerifierKey

    if not where.startswith("http") and not Path(where).is_dir():
        raise NotFound("ledger.no_folder", f"没有存证目录 {where}")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys, known = SoftwareKeys.open(folder / "keys"), folder / "ledger.vkey"
    while True:
        try:
            note, shown, prove = of_gate(where) if where.startswith("http") else of_folder(Path(where))
            if vkey is None and known.exists():
                vkey = known.read_text(encoding="utf-8")
            own = Witness(folder, keys, name, VerifierKey.parse(vkey or shown))
            signed = own.look(note, prove)
            known.write_text(str(own.ledger_key), encoding="utf-8")
            size = own.last().size  # type: ignore[union-attr]
            said = {"size": size, "vkey": str(own.vkey), "note": signed}
            say(said, machine, partial(click.echo, signed, nl=False))
        except JutongError as problem:
            if every is None or not problem.temporary:
                raise
            console.print(f"✗ {problem}", markup=False)
        if every is None:
            return
        time.sleep(every)
