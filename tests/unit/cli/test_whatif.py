"""What `unmogrowp whatif` prints, and what it says where it cannot begin."""

import io
import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console

import cli.promotions
import cli.whatif
from cli.promotions import ruleset_of
from unmogrowp.attribution.whatif import Move, WhatIf
from unmogrowp.control.apps import Refused
from unmogrowp.errors import ConfigurationError
from unmogrowp.rulesets import PRESETS
from unmogrowp.settings import Settings
from unmogrowp.warehouse.content_hash import ContentHash

ZERO = Decimal(0)


def move(source: str, to: str, reason: str, count: int) -> Move:
    return Move(source, to, "install", "install", reason, "", count, ZERO, ZERO, ZERO)


FOUND = WhatIf(
    "ours",
    "mine",
    date(2026, 3, 1),
    date(2026, 3, 2),
    (
        move("views", "organic", "method_off", 3),
        move("clicks", "clicks", "unchanged", 1_200),
        Move("views", "organic", "install", "install", "method_off", "EUR", 0, Decimal("8.25"),
             Decimal("2.5"), ZERO),
    ),
)  # fmt: skip


def printed(console: Console) -> list[str]:
    lines = console.export_text().splitlines()
    return [" ".join(line.replace("│", " ").split()) for line in lines]


def test_tables_add_up_and_name_the_reason() -> None:
    console = Console(record=True, width=120, file=io.StringIO())
    cli.whatif._show(console, FOUND, Path("moved.png"))
    told = printed(console)
    assert told[0] == (
        "3 of 1,203 conversions from 2026-03-01 to 2026-03-02 would move from ours to mine."
    )
    for row in (
        "organic 0 3 +3",
        "views 3 0 -3",
        "all 1,203 1,203 +0",
        "views organic method_off 3",
        "views organic method_off 8.25 EUR 2.50 EUR",
    ):
        assert row in told


def test_json_holds_everything() -> None:
    content = {"mart.attributed_installs": ContentHash(7, 255)}
    document = json.loads(
        json.dumps(cli.whatif._as_json(FOUND, Path("moved.png"), content, content))
    )
    assert (document["moved"], document["conversions"]) == (3, 1203)
    assert document["content_before"] == {"mart.attributed_installs": "7:00000000000000ff"}
    assert document["moves"][2]["revenue"] == "8.25"


def test_a_ruleset_is_a_preset_a_file_or_one_that_was_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stored(_: Settings, name: str) -> list[object]:
        if name != "kept":
            raise Refused("there is none")
        return [PRESETS["branch_like"], PRESETS["kochava_like"]]

    monkeypatch.setattr(cli.promotions, "deciding_versions", stored)
    file = tmp_path / "mine.json"
    file.write_text(PRESETS["ours"].model_copy(update={"ruleset_id": "mine"}).model_dump_json())
    settings = Settings()
    assert ruleset_of(settings, "adjust_like") == PRESETS["adjust_like"]
    assert ruleset_of(settings, str(file)).ruleset_id == "mine"
    assert ruleset_of(settings, "kept") == PRESETS["kochava_like"]
    with pytest.raises(ConfigurationError, match=r"nothing is no file, no preset \(ours, "):
        ruleset_of(settings, "nothing")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        ruleset_of(settings, str(tmp_path / "no.yaml"))
