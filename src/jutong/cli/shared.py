"""What every command shares: the data folder, machine output, and one way to end badly."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from jutong.settings import Settings, read_settings
from jutong.terms import JutongError

if TYPE_CHECKING:
    from jutong.flows import Platform

console = Console(stderr=True, highlight=False)

as_json = click.option("--json", "machine", is_flag=True, help="给机器读的输出")


def settings_of(context: click.Context, **given: Any) -> Settings:
    return read_settings(context.find_root().params["home"], **given)


def city_of(context: click.Context) -> Settings:
    """Settings of a city that is there.  Raises NotFound ``cli.no_city``, so that a typing mistake makes nothing."""
    from jutong.wiring import must_be_city

    settings = settings_of(context)
    must_be_city(settings)
    return settings


@contextmanager
def platform_of(context: click.Context) -> Iterator[Platform]:
    """The opened city of ``-C DIR``; it must have been made by ``init`` or ``demo``."""
    from jutong.wiring import open_platform

    with open_platform(settings_of(context)) as platform:
        yield platform


def plain(value: Any) -> Any:
    """A value as JSON holds it: decimals as text, instants in ISO, dataclasses as objects."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else str(value)
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, Path):
        return str(value)
    return value


def say(value: Any, machine: bool, human: Callable[[], None]) -> None:
    """Print for a machine or let ``human`` print for a person."""
    if machine:
        click.echo(json.dumps(plain(value), ensure_ascii=False, indent=1))
    else:
        human()


def guarded(main: Callable[[], None]) -> Callable[[], None]:
    """One sentence and exit code 1 for what we know to say; Ctrl-C is 130, as shells expect."""

    @functools.wraps(main)
    def run() -> None:
        try:
            main()
        except JutongError as problem:
            # A code in brackets is no style of ours.
            console.print(f"✗ {problem}", soft_wrap=True, markup=False)
            sys.exit(1)
        except KeyboardInterrupt:
            console.print("已停下；再次运行会从这里继续。")
            sys.exit(130)

    return run
