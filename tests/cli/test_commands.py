"""The command line: every command helps, a mistyped folder makes nothing, machines get JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from tests.journey.sample import answer, run

from jutong import __version__
from jutong.cli import _COMMANDS, _jutong
from jutong.database import EmbeddedPostgres


def every_command() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = [()]
    context = click.Context(_jutong)
    for name in _COMMANDS:
        command = _jutong.get_command(context, name)
        found.append((name,))
        if isinstance(command, click.Group):
            found += [(name, inner) for inner in command.list_commands(context)]
    return found


@pytest.mark.parametrize("words", every_command(), ids=lambda words: " ".join(words) or "jutong")
def test_every_command_says_what_it_does(words):
    said = CliRunner().invoke(_jutong, [*words, "--help"])
    assert said.exit_code == 0, said.output
    assert any("\u4e00" <= letter <= "\u9fff" for letter in said.output)


def test_help_and_version_load_no_engine(tmp_path):
    """Help must be instant, so nothing heavy is imported for it."""
    import subprocess
    import sys

    asked = "import sys; sys.argv = ['jutong', '--help']\nfrom jutong.cli import main\ntry: main()\nexcept SystemExit: pass\n"
    loaded = (
        "print('loaded', sorted({'duckdb', 'pyarrow', 'psycopg', 'fastapi', 'splink'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", asked + loaded], capture_output=True, text=True, check=True)
    assert "loaded []" in said.stdout
    assert __version__ in run(tmp_path, "--version").stdout


#: What may be typed without a city: making one, and looking at whether there is one.
_MAKES = {"demo", "init", "restore", "doctor"}


@pytest.mark.parametrize(
    "words",
    [
        ("serve",), ("portal",), ("gate",), ("work",), ("stage", "fuse"), ("figures",), ("run",), ("gather", "run"),
        ("refine", "run"), ("fuse", "run"), ("deliver", "run"), ("upgrade",), ("ledger", "verify"),
        ("ledger", "export", "there"), ("backup", "there"), ("catalogue", "search", "x"),
        ("app", "add", "x", "--department", "D01"),
        ("user", "add", "x", "--name", "x", "--department", "D01", "--role", "auditor"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_mistyped_folder_makes_nothing_and_says_so(tmp_path, monkeypatch, words):
    monkeypatch.delenv("JUTONG_DATABASE_URL", raising=False)
    assert words[0] not in _MAKES
    said = in_process(["-C", str(tmp_path / "typo"), *words])
    assert "[cli.no_city]" in said
    assert str(tmp_path / "typo") in said.replace("\n", "")
    assert list(tmp_path.iterdir()) == []


def in_process(words: list[str]) -> str:
    """The error as ``jutong`` prints it; a fresh Python for each would cost seconds."""
    from jutong.terms import JutongError

    ended = CliRunner().invoke(_jutong, words)
    assert isinstance(ended.exception, JutongError), ended.output
    return str(ended.exception)


def test_the_sentence_with_its_code_reaches_the_terminal(tmp_path):
    """A code in brackets was once taken for a style and swallowed."""
    ended = run(tmp_path / "typo", "figures", code=1)
    assert "[cli.no_city]" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""


def test_the_doctor_of_no_city_says_so_and_makes_nothing(tmp_path):
    said = run(tmp_path / "typo", "doctor", "--json", code=1)
    assert "cli.no_city" in {one["code"] for one in json.loads(said.stdout) if not one["well"]}
    assert list(tmp_path.iterdir()) == []


def test_a_bad_setting_stops_everything_by_name(tmp_path):
    assert "settings.bad_value" in run(tmp_path, "figures", code=1, JUTONG_GATE_PORT="eighty").stderr


@pytest.fixture(scope="module")
def city(tmp_path_factory) -> Iterator[Path]:
    """An empty city as ``jutong init`` makes it; its database stays up, which saves every command its start."""
    home = tmp_path_factory.mktemp("cli") / "city"
    run(home, "init")
    server = EmbeddedPostgres(home / "postgres")
    server.start()
    yield home
    server.stop()


def test_init_again_changes_nothing(city):
    before = (city / "ledger" / "vkey").read_bytes()
    run(city, "init")
    assert (city / "ledger" / "vkey").read_bytes() == before


@pytest.mark.parametrize(
    "words",
    [
        ("figures",), ("figures", "--all", "--batches"), ("gather", "run"), ("refine", "run"), ("fuse", "run"),
        ("deliver", "run"), ("run",), ("ledger", "verify"), ("ledger", "verify", "--offline"),
        ("catalogue", "search", "企业"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_machine_output_is_json_and_nothing_else(city, words):
    assert answer(city, *words) is not None


def test_a_user_is_added_with_a_password_shown_once(city):
    _department(city)
    words = ("user", "add", "clerk", "--name", "李四", "--department", "D01", "--role", "provider_officer")
    said = run(city, *words).stdout.split()
    assert said[0] == "clerk"
    assert len(said[1]) >= 12
    assert "Traceback" not in run(city, *words, code=1).stderr


def test_an_application_is_added_with_a_token_shown_once(city):
    _department(city)
    application, token = run(city, "app", "add", "试用", "--department", "D01").stdout.split()
    assert application
    assert len(token) > 20
    said = run(city, "app", "add", "试用", "--department", "D99", code=1).stderr
    assert "Traceback" not in said


def test_a_delivery_is_declared_into_either_kind_of_database_and_only_under_a_grant(city):
    there = ("--host", "127.0.0.1", "--dbname", "d", "--user", "u", "--table", "t")
    for kind in ("postgres", "mysql"):
        said = run(city, "deliver", "add", "x", "--grant", "G0", "--kind", kind, *there, code=1).stderr
        assert "share.grant_unknown" in said
        assert "Traceback" not in said
    run(city, "deliver", "add", "x", "--grant", "G0", "--kind", "oracle", *there, code=2)


def _department(city: Path) -> None:
    from jutong import people
    from jutong.settings import read_settings
    from jutong.wiring import open_platform

    with open_platform(read_settings(city, {})) as platform, platform.database.connection() as connection:
        people.add_departments(
            connection,
            [people.Department("D01", "行政审批服务局", "审批局", "department", steward=True)],
        )


@pytest.mark.slow
def test_a_backup_of_an_empty_city_comes_back(city, tmp_path):
    said = answer(city, "backup", str(tmp_path / "backup"))
    assert said["files"] > 0
    run(tmp_path / "again", "restore", str(tmp_path / "backup"))
    assert answer(tmp_path / "again", "figures") == answer(city, "figures")
