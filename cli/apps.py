"""`unmogrowp app …` and `unmogrowp key …`: who may send, and with which key."""

import getpass
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from unmogrowp.clock import SystemClock, utc
from unmogrowp.control import apps
from unmogrowp.control.database import build_engine, session
from unmogrowp.control.key_hash import ensure_pepper
from unmogrowp.errors import ConfigurationError
from unmogrowp.settings import load_settings

app_commands = typer.Typer(help="Create, list, disable and enable apps.", no_args_is_help=True)
key_commands = typer.Typer(help="Create, list and revoke write keys.", no_args_is_help=True)
AS_JSON = typer.Option(False, "--json", help="Print JSON for programs.")


def register(app: typer.Typer) -> None:
    """Add both groups of commands."""
    app.add_typer(app_commands, name="app")
    app.add_typer(key_commands, name="key")


@contextmanager
def _control() -> Iterator[tuple[Session, apps.Actor]]:
    """Give a transaction on the control database and who acts in it."""
    settings = load_settings()
    if not settings.postgres.url:
        raise ConfigurationError(
            "no control database is known: start the stack with `unmogrowp up`, or set "
            "UNMOGROWP_POSTGRES__URL"
        )
    engine = build_engine(settings.postgres.url, settings.postgres.password.get_secret_value())
    actor = apps.Actor(
        name=f"cli:{getpass.getuser()}",
        now=utc(SystemClock().now_ms()),
        pepper=ensure_pepper(settings.home / "secrets"),
    )
    try:
        with session(engine) as opened:
            yield opened, actor
    finally:
        engine.dispose()


def _print_key(key: apps.NewKey, as_json: bool) -> None:
    if as_json:
        typer.echo(
            json.dumps({"app_id": key.app_id, "key_id": key.key_id, "write_key": key.write_key})
        )
        return
    typer.echo(f"app_id     {key.app_id}\nkey_id     {key.key_id}\nwrite_key  {key.write_key}")
    typer.echo("The write key is shown only now; collectors know it within 5 seconds.", err=True)


@app_commands.command(
    "create",
    epilog="Examples: unmogrowp app create 'My Game' --bundle-id com.example.game   ·   "
    "unmogrowp app create 'My Game' --write-key KEY_SHIPPED_IN_THE_APP --json",
)
def create_app(
    name: str = typer.Argument(help="Name people know the app by."),
    bundle_id: str = typer.Option("", help="Bundle id or package name."),
    write_key: str = typer.Option(
        "", help="Keep a key brought from elsewhere, so that shipped apps need no release."
    ),
    strict: bool = typer.Option(False, help="Answer 422 when no item of a request is usable."),
    keep_addresses: bool = typer.Option(
        False, help="The app opts in to addresses inside bodies being kept whole."
    ),
    as_json: bool = AS_JSON,
) -> None:
    """Create an app with its first write key."""
    with _control() as (opened, actor):
        key = apps.create_app(
            opened,
            actor,
            name,
            bundle_id=bundle_id,
            write_key=write_key,
            is_strict=strict,
            keeps_addresses=keep_addresses,
        )
    _print_key(key, as_json)


@app_commands.command("list", epilog="Example: unmogrowp app list")
def list_apps(as_json: bool = AS_JSON) -> None:
    """List all apps."""
    with _control() as (opened, _actor):
        rows = [
            {
                "app_id": app.app_id,
                "name": app.name,
                "bundle_id": app.bundle_id,
                "created_at": _iso(app.created_at),
                "disabled_at": _iso(app.disabled_at),
            }
            for app in apps.list_apps(opened)
        ]
    _print_rows(rows, as_json, "No app yet: unmogrowp app create NAME")


@app_commands.command("disable", epilog="Example: unmogrowp app disable app_0123456789abcdef")
def disable_app(app_id: str) -> None:
    """Refuse everything an app sends; what was acknowledged is still landed."""
    with _control() as (opened, actor):
        apps.disable_app(opened, actor, app_id)
    typer.echo(f"{app_id} is disabled; collectors refuse it within 5 seconds.")


@app_commands.command("enable", epilog="Example: unmogrowp app enable app_0123456789abcdef")
def enable_app(app_id: str) -> None:
    """Take requests of a disabled app again."""
    with _control() as (opened, actor):
        apps.enable_app(opened, actor, app_id)
    typer.echo(f"{app_id} is enabled; collectors take it within 5 seconds.")


@key_commands.command("create", epilog="Example: unmogrowp key create app_0123456789abcdef")
def create_key(
    app_id: str,
    write_key: str = typer.Option("", help="Keep a key brought from elsewhere."),
    strict: bool = typer.Option(False, help="Answer 422 when no item of a request is usable."),
    as_json: bool = AS_JSON,
) -> None:
    """Give an app one more write key; those in use stay valid."""
    with _control() as (opened, actor):
        key = apps.create_key(opened, actor, app_id, write_key=write_key, is_strict=strict)
    _print_key(key, as_json)


@key_commands.command("list", epilog="Example: unmogrowp key list app_0123456789abcdef")
def list_keys(
    app_id: str = typer.Argument("", help="Only keys of this app."), as_json: bool = AS_JSON
) -> None:
    """List keys: their ids and last characters, never the keys."""
    with _control() as (opened, _actor):
        rows = [
            {
                "key_id": key.key_id,
                "app_id": key.app_id,
                "ends_with": key.hint,
                "is_strict": key.is_strict,
                "created_at": _iso(key.created_at),
                "revoked_at": _iso(key.revoked_at),
            }
            for key in apps.list_keys(opened, app_id)
        ]
    _print_rows(rows, as_json, "No key.")


@key_commands.command("revoke", epilog="Example: unmogrowp key revoke key_0123456789ab")
def revoke_key(key_id: str) -> None:
    """Revoke a write key for ever."""
    with _control() as (opened, actor):
        apps.revoke_key(opened, actor, key_id)
    typer.echo(f"{key_id} is revoked; collectors refuse it within 5 seconds.")


def _iso(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).isoformat(timespec="seconds")


def _print_rows(
    rows: list[dict[str, str]] | list[dict[str, object]], as_json: bool, none: str
) -> None:
    if as_json:
        typer.echo(json.dumps(rows))
        return
    if not rows:
        typer.echo(none)
        return
    table = Table()
    for name in rows[0]:
        # Ids are there to be copied: never shortened, not even on a narrow terminal.
        table.add_column(name, overflow="fold", no_wrap=name.endswith("_id"))
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console().print(table)
