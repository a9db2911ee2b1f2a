"""`unmogrowp app` and `unmogrowp key`: who may send; collectors know within 5 seconds."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from cli.control import actor, control_session, require_postgres
from unmogrowp.clock import SystemClock, utc
from unmogrowp.control import apps
from unmogrowp.control.key_hash import ensure_pepper
from unmogrowp.settings import load_settings

app_commands = typer.Typer(no_args_is_help=True, help="Apps: create, list, disable, enable.")
key_commands = typer.Typer(no_args_is_help=True, help="Write keys: create, list, revoke.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
BroughtKey = Annotated[
    str,
    typer.Option("--write-key", help="Keep a key that shipped apps already use.", metavar="KEY"),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Answer with a verdict per item (422 if none is good).")
]


def register(app: typer.Typer) -> None:
    """Add both groups to the command line."""
    app.add_typer(app_commands, name="app")
    app.add_typer(key_commands, name="key")


@contextmanager
def _control() -> Iterator[tuple[Session, apps.Actor]]:
    settings = load_settings()
    require_postgres(settings)
    by = apps.Actor(
        name=actor(),
        now=utc(SystemClock().now_ms()),
        pepper=ensure_pepper(settings.home / "secrets"),
    )
    with control_session(settings) as opened:
        yield opened, by


@app_commands.command(
    "create", epilog="Example: unmogrowp app create Runner --bundle-id com.ex.run"
)
def create_app(
    name: Annotated[str, typer.Argument(help="What people call the app.")],
    bundle_id: Annotated[str, typer.Option(help="Bundle id or package name.")] = "",
    write_key: BroughtKey = "",
    strict: Strict = False,
    keep_addresses: Annotated[
        bool, typer.Option(help="Keep whole IP addresses that bodies carry.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Create an app; its write key is shown once."""
    with _control() as (opened, by):
        key = apps.create_app(
            opened,
            by,
            name,
            bundle_id=bundle_id,
            write_key=write_key,
            is_strict=strict,
            keeps_addresses=keep_addresses,
        )
    _print_key(key, as_json)


@app_commands.command("list", epilog="Example: unmogrowp app list --json")
def list_apps(as_json: AsJson = False) -> None:
    """List all apps."""
    with _control() as (opened, _):
        rows = [
            {
                "app_id": app.app_id,
                "name": app.name,
                "bundle_id": app.bundle_id,
                "created_at": app.created_at.isoformat(),
                "state": "disabled" if app.disabled_at else "active",
            }
            for app in apps.list_apps(opened)
        ]
    _print_rows(rows, as_json)


@app_commands.command("disable", epilog="Example: unmogrowp app disable app_3f0c…")
def disable_app(app_id: str) -> None:
    """Refuse what the app sends; what was acknowledged is still landed."""
    with _control() as (opened, by):
        apps.disable_app(opened, by, app_id)
    print(f"{app_id} is disabled")


@app_commands.command("enable", epilog="Example: unmogrowp app enable app_3f0c…")
def enable_app(app_id: str) -> None:
    """Take requests of a disabled app again."""
    with _control() as (opened, by):
        apps.enable_app(opened, by, app_id)
    print(f"{app_id} is active")


@key_commands.command("create", epilog="Example: unmogrowp key create app_3f0c… --strict")
def create_key(
    app_id: str, write_key: BroughtKey = "", strict: Strict = False, as_json: AsJson = False
) -> None:
    """Give an app one more write key; it is shown once."""
    with _control() as (opened, by):
        key = apps.create_key(opened, by, app_id, write_key=write_key, is_strict=strict)
    _print_key(key, as_json)


@key_commands.command("list", epilog="Example: unmogrowp key list app_3f0c…")
def list_keys(
    app_id: Annotated[str, typer.Argument(help="Only keys of this app.")] = "",
    as_json: AsJson = False,
) -> None:
    """List write keys; a key itself is never shown again, only its last characters."""
    with _control() as (opened, _):
        rows = [
            {
                "key_id": key.key_id,
                "app_id": key.app_id,
                "ends_with": key.hint,
                "created_at": key.created_at.isoformat(),
                "state": "revoked" if key.revoked_at else "active",
                "strict": "yes" if key.is_strict else "no",
            }
            for key in apps.list_keys(opened, app_id)
        ]
    _print_rows(rows, as_json)


@key_commands.command("revoke", epilog="Example: unmogrowp key revoke key_9ab1…")
def revoke_key(key_id: str) -> None:
    """Refuse a key for ever; collectors know within 5 seconds."""
    with _control() as (opened, by):
        apps.revoke_key(opened, by, key_id)
    print(f"{key_id} is revoked")


def _print_key(key: apps.NewKey, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"app_id": key.app_id, "key_id": key.key_id, "write_key": key.write_key}))
        return
    print(f"app_id     {key.app_id}\nkey_id     {key.key_id}\nwrite_key  {key.write_key}")
    print("The write key is shown only this once.")


def _print_rows(rows: list[dict[str, str]], as_json: bool) -> None:
    if as_json:
        print(json.dumps(rows))
        return
    if not rows:
        print("none yet")
        return
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*row.values())
    Console().print(table)
