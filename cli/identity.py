"""`unmogrowp device`: which identifiers are one device, and what that restated."""

import json
from contextlib import closing

import typer
from rich.console import Console
from rich.table import Table

from cli.clickhouse import connect
from unmogrowp.identity.story import Device, find_devices
from unmogrowp.settings import load_settings

_ROLES = {"joined": "", "attached": "seen with it", "shared": "seen with it and many others"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="device")(show_device)


def show_device(
    app_id: str = typer.Argument(help="App; identifiers of two apps never meet."),
    identifier: str = typer.Argument(help="Any identifier: a device, advertising or user id, …"),
    as_json: bool = typer.Option(False, "--json", help="Print JSON for programs."),
) -> None:
    """Show the devices that an identifier belongs to, and which installs they restated.

    A user id is seen with every device of the user and joins none. Of an e-mail address only the
    hash is looked for.

    Example: unmogrowp device my_app 0f8fad5b-d9cb-469f-a165-70867728950e
    """
    with closing(connect(load_settings(), as_analyst=True)) as warehouse:
        devices = find_devices(warehouse, app_id, identifier)
    if as_json:
        typer.echo(json.dumps([one.as_json() for one in devices], indent=1, default=str))
        return
    console = Console()
    for device in devices:
        console.print(_identifiers(device))
        if device.restatements:
            console.print(_restatements(device))


def _identifiers(device: Device) -> Table:
    table = Table(title=f"Device {device.component_key} of {device.app_id}", title_justify="left")
    for column in ("identifier", "kind", "first received", "remark"):
        table.add_column(column, overflow="fold")
    for member in device.members:
        remark = member.cut.replace("_", " ") if member.role == "joined" else _ROLES[member.role]
        table.add_row(
            member.identifier, member.kind, f"{member.first_seen_at:%Y-%m-%d %H:%M:%S}", remark
        )
    return table


def _restatements(device: Device) -> Table:
    table = Table(title="Installs that were published otherwise before", title_justify="left")
    for column in ("day", "install", "was", "is now", "why", "since"):
        table.add_column(column, overflow="fold")
    for one in device.restatements:
        now = f"{one.to_component} no. {one.to_ordinal}" if one.to_component else "no install"
        why = f"{one.reason} by {', '.join(one.joined_by)}" if one.joined_by else one.reason
        table.add_row(
            str(one.day),
            one.install_id,
            f"{one.from_component} no. {one.from_ordinal}",
            now,
            why,
            f"{one.recorded_at:%Y-%m-%d %H:%M}",
        )
    return table
