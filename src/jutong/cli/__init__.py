"""命令行: every command of design §9; ``-C DIR`` names the data folder everywhere."""

from __future__ import annotations

import warnings

import click

from jutong import __version__
from jutong.cli.shared import guarded

#: command → module that holds it; a module is imported only when its command is used, so that help is instant.
_COMMANDS = {
    "demo": "journey",
    "init": "running",
    "serve": "running",
    "portal": "running",
    "gate": "running",
    "work": "running",
    "stage": "running",
    "doctor": "running",
    "apply": "declarations",
    "export": "declarations",
    "user": "running",
    "app": "running",
    "gather": "journey",
    "refine": "journey",
    "quality": "quality",
    "fuse": "fusing",
    "run": "journey",
    "deliver": "deliver",
    "extract": "extracts",
    "source": "journey",
    "plan": "plans",
    "look": "ways",
    "agent": "ways",
    "arrivals": "ways",
    "catalogue": "catalogue",
    "figures": "figures",
    "ledger": "ledger",
    "witness": "witness",
    "backup": "keeping",
    "restore": "keeping",
    "upgrade": "keeping",
    "housekeeping": "keeping",
    "repair": "keeping",
    "move": "keeping",
    "retention": "retaining",
    "backup-plan": "retaining",
    "purge": "purging",
}
_HIDDEN = {"portal", "gate", "work", "stage"}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return [name for name in _COMMANDS if name not in _HIDDEN]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        from importlib import import_module

        module = _COMMANDS.get(cmd_name)
        if module is None:
            return None
        found = getattr(import_module(f"jutong.cli.{module}"), cmd_name.replace("-", "_"))
        assert isinstance(found, click.Command)
        return found


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-C", "home", default="./city", show_default=True, metavar="DIR", help="数据目录")
@click.version_option(__version__, prog_name="jutong")
def _jutong(home: str) -> None:
    """聚通 Jutong：一座城市归集、清洗、融合、编目、共享并使用各部门数据的平台。"""


@guarded
def main() -> None:
    # A library's remark on root's environment is no news to whoever runs a command.
    warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
    _jutong(standalone_mode=True, prog_name="jutong")


__all__ = ["main"]
