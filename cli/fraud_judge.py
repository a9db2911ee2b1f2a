"""`unmogrowp fraud judge`: judge publishers now instead of in the night."""

import time
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console

from cli.dagster_client import DagsterClient
from unmogrowp.errors import PermanentError
from unmogrowp.settings import load_settings

EXAMPLE = "Example: unmogrowp fraud judge --last-day 2026-11-25 --days 30"


def judge(
    last_day: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Last UTC day to judge; default: yesterday."),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=1_000, help="Days that end with it.")] = 35,
    timeout: Annotated[
        float, typer.Option(metavar="S", min=1.0, help="Stop waiting after this many seconds.")
    ] = 1_800.0,
) -> None:
    """Judge publishers of the last days now; the same runs every night by itself.

    What is found waits in `unmogrowp fraud review list`.
    """
    settings = load_settings()
    dagster = DagsterClient(f"http://{settings.dagster.host}:{settings.dagster.webserver_port}")
    config = {"days": days, "last_day": "" if last_day is None else f"{last_day:%Y-%m-%d}"}
    with Console(stderr=True).status("judging publishers") as status:
        run = dagster.run(
            "fraud_job",
            {"ops": {"judge_days": {"config": config}}},
            {"unmogrowp/by": "fraud judge"},
            time.monotonic() + timeout,
            lambda state: status.update(f"judging publishers: {state.lower()}"),
        )
    if not run.is_success:
        raise PermanentError(f"run {run.run_id} ended with {run.status}: {run.reason}")
    typer.echo(
        f"{days} days are judged ({run.seconds:.0f} s); `unmogrowp fraud review list` shows what"
        " was found"
    )
