"""Making a city, running its three processes, and asking what is wrong with it."""

from __future__ import annotations

import contextlib
import secrets
import sys
from typing import TextIO

import click

from jutong.cli.shared import as_json, city_of, console, platform_of, say, settings_of


@click.command()
@click.pass_context
def init(context: click.Context) -> None:
    """建立一座空城：数据目录、控制库、数据湖、存证与密钥。"""
    from jutong.settings import write_settings
    from jutong.wiring import open_platform

    settings = settings_of(context)
    write_settings(settings)
    with open_platform(settings, make=True):
        console.print(f"已建立 {settings.home}。下一步：jutong -C {settings.home} serve")


@click.command()
@click.pass_context
def serve(context: click.Context) -> None:
    """运行门户、网关与作业三个进程，直到 Ctrl-C。"""
    from jutong.flows import supervise
    from jutong.settings import check_doors

    settings = settings_of(context)
    check_doors(settings)
    with platform_of(context):
        console.print(f"门户 {settings.scheme}://{settings.portal_host}:{settings.portal_port}")
        console.print(f"网关 {settings.scheme}://{settings.gate_host}:{settings.gate_port}/v1/")
        supervise(settings, ("portal", "gate", "work"))


@click.command(hidden=True)
@click.pass_context
def portal(context: click.Context) -> None:
    """门户进程。"""
    from jutong.flows import end_with_supervisor
    from jutong.portal import serve as serve_portal

    end_with_supervisor()
    serve_portal(city_of(context))


@click.command(hidden=True)
@click.pass_context
def gate(context: click.Context) -> None:
    """网关进程。"""
    from jutong.flows import end_with_supervisor
    from jutong.gate import serve as serve_gate

    end_with_supervisor()
    serve_gate(city_of(context))


@click.command(hidden=True)
@click.pass_context
def work(context: click.Context) -> None:
    """作业进程：排程、存证归并、计量、时限。"""
    from jutong.flows import end_with_supervisor, run_worker

    end_with_supervisor()
    with platform_of(context) as platform:
        run_worker(platform)


@click.command(hidden=True)
@click.argument("name")
@click.option("--job", type=int, default=None)
@click.pass_context
def stage(context: click.Context, name: str, job: int | None) -> None:
    """在自己的进程里跑一个环节（由作业进程调用）。"""
    from jutong.flows import run_stage

    with platform_of(context) as platform:
        run_stage(platform, name, job)


@click.command()
@as_json
@click.pass_context
def doctor(context: click.Context, machine: bool) -> None:
    """用平白的话说出哪里不对。"""
    from jutong.cli.health import examine

    findings = examine(settings_of(context))

    def show() -> None:
        for finding in findings:
            console.print(f"{'[green]✓[/]' if finding.well else '[red]✗[/]'} {finding.sentence}")

    say(findings, machine, show)
    sys.exit(any(not finding.well for finding in findings))


@click.group()
def user() -> None:
    """账户。"""


@user.command("add")
@click.argument("login")
@click.option("--name", required=True, help="姓名")
@click.option("--department", required=True, help="部门代码，如 D01")
@click.option("--role", "roles", multiple=True, required=True, help="角色，可重复")
@click.option("--password-file", type=click.File(), default=None, help="从文件读口令；缺省则生成一次性口令")
@click.pass_context
def user_add(
    context: click.Context,
    login: str,
    name: str,
    department: str,
    roles: tuple[str, ...],
    password_file: TextIO | None,
) -> None:
    """新增一个账户；口令只显示这一次。"""
    from jutong.people import add_user, party_of
    from jutong.terms import Conflict, NotFound

    password = password_file.read().strip() if password_file else f"Jt-{secrets.token_urlsafe(9)}7"
    with platform_of(context) as platform, platform.database.connection() as connection:
        with contextlib.suppress(NotFound):
            party_of(connection, login.strip().lower())
            raise Conflict("cli.user_exists", f"账号 {login} 已经有了，口令没有改动")
        add_user(
            connection, login=login, name=name, department_code=department, roles=roles, password=password
        )
    click.echo(f"{login} {'' if password_file else password}".strip())


@click.group()
def app() -> None:
    """应用系统登记。"""


@app.command("add")
@click.argument("name")
@click.option("--department", required=True, help="部门代码")
@click.pass_context
def app_add(context: click.Context, name: str, department: str) -> None:
    """登记一个应用；令牌只显示这一次。"""
    from jutong.share import add_application, rotate_token

    with platform_of(context) as platform, platform.database.connection() as connection:
        added = add_application(connection, name=name, department_code=department)
        token = rotate_token(connection, added.id)
    click.echo(f"{added.id} {token}")
