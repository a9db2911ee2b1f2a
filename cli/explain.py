"""`unmogrowp explain` and `verify-evidence`: why an install belongs to whom it belongs."""

import json
from pathlib import Path
from typing import Annotated

import typer

from cli.clickhouse import connect
from unmogrowp.attribution.evidence import (
    LARGEST_BYTES,
    EvidenceInvalid,
    evidence_of,
    fingerprint,
    load_key,
    public_key_of,
    sign,
    verify,
)
from unmogrowp.attribution.explain import Story, explain
from unmogrowp.errors import ConfigurationError
from unmogrowp.settings import Settings, load_settings

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


EXPLAIN_EXAMPLES = """Examples:

unmogrowp sql "SELECT install_id, media_source FROM mart.attributed_installs LIMIT 5"

unmogrowp explain 02e98b7889474ffb5252d6ae5cc502e2

unmogrowp explain 02e98b7889474ffb5252d6ae5cc502e2 --bundle evidence.json --network net_a
"""
VERIFY_EXAMPLE = "Example: unmogrowp verify-evidence evidence.json --public-key q1…="


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(name="explain", epilog=EXPLAIN_EXAMPLES)(explain_install)
    app.command(name="verify-evidence", epilog=VERIFY_EXAMPLE)(verify_evidence)


def explain_install(
    install_id: Annotated[
        str,
        typer.Argument(help="install_id of mart.installs, or conversion_id of a re-engagement."),
    ],
    ruleset: Annotated[
        str, typer.Option(help="Ruleset whose decision to explain; default: the one that counts.")
    ] = "",
    as_json: AsJson = False,
    bundle: Annotated[
        Path | None, typer.Option(help="Write signed evidence for one network to this file.")
    ] = None,
    network: Annotated[
        str, typer.Option(help="Media source the evidence is for; default: the winner.")
    ] = "",
) -> None:
    """Tell in plain sentences how an install was decided, with every touch considered."""
    settings = load_settings()
    warehouse = connect(settings, as_analyst=True)
    try:
        story = explain(warehouse, install_id, ruleset)
    finally:
        warehouse.close()
    if as_json:
        typer.echo(json.dumps(story.as_json(), indent=1, ensure_ascii=False))
    else:
        for sentence in story.sentences:
            typer.echo(sentence)
    if bundle is not None:
        _write_bundle(settings, story, network or story.install["media_source"], bundle)


def _write_bundle(settings: Settings, story: Story, network: str, file: Path) -> None:
    key = load_key(settings.home / "secrets")
    try:
        file.write_text(sign(evidence_of(story, network), key), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error}") from error
    public_key = public_key_of(key)
    typer.echo(
        f"Evidence for {network} is in {file}, signed by {fingerprint(public_key)}.\n"
        f"Whoever verifies it needs your public key: {public_key}",
        err=True,
    )


def verify_evidence(
    file: Annotated[Path, typer.Argument(help="A bundle made by `explain --bundle`.")],
    public_key: Annotated[
        str, typer.Option(help="Public key of the party that signed, as they gave it to you.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Check signed evidence without any connection; exit code 1 where it does not hold."""
    try:
        with file.open(encoding="utf-8") as opened:
            text = opened.read(LARGEST_BYTES + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise EvidenceInvalid(f"{file} cannot be read: {error}") from error
    verified = verify(text, public_key)
    if as_json:
        typer.echo(json.dumps({"public_key": verified.public_key, "says": verified.says}, indent=1))
        return
    for sentence in verified.sentences:
        typer.echo(sentence)
    typer.echo(f"The signature holds; it is by {fingerprint(verified.public_key)}.")
    if not public_key:
        typer.echo(
            "No --public-key was given: this shows that nothing was changed, not who signed it."
        )
