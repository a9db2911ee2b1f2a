"""`unmogrowp explain`: why an install belongs to whom it belongs."""

import json

import typer

from unmogrowp.attribution.explain import explain
from unmogrowp.errors import ConfigurationError
from unmogrowp.settings import load_settings
from unmogrowp.warehouse.client import Warehouse


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="explain")(explain_install)


def explain_install(
    install_id: str = typer.Argument(help="install_id of mart.installs."),
    ruleset: str = typer.Option("ours", help="Ruleset whose decision to explain."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON for programs."),
) -> None:
    """Tell in plain sentences how an install was decided, with every touch considered.

    Example: unmogrowp explain 02e98b7889474ffb5252d6ae5cc502e2
    """
    settings = load_settings()
    if not settings.clickhouse.url:
        raise ConfigurationError(
            "no warehouse is known: start the stack with `unmogrowp up`, or set "
            "UNMOGROWP_CLICKHOUSE__URL"
        )
    warehouse = Warehouse.connect(
        settings.clickhouse.url,
        settings.clickhouse.analyst_user,
        settings.clickhouse.analyst_password.get_secret_value(),
        read_only=True,
    )
    try:
        story = explain(warehouse, install_id, ruleset)
    finally:
        warehouse.close()
    if as_json:
        typer.echo(json.dumps(story.as_json(), indent=1, ensure_ascii=False))
        return
    for sentence in story.sentences:
        typer.echo(sentence)
