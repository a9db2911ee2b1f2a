"""A folder of truth, read without knowing who wrote it; its columns are in docs/simulator.md."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl

from unmogrowp.errors import PermanentError

FORMAT = 1
ORGANIC = "organic"
# What the journeys call that which would have come without any channel.
BASELINE = "(organic)"
MADE_UP = ("device_farm", "sdk_spoofing")
_NEEDED = {
    "installs": (
        "message_id", "kind", "installed_at", "cause", "media_source", "cause_id_text",
        "evidence", "is_delivered",
    ),
    "touches": (
        "id_text", "touch_type", "media_source", "site_id", "touch_at", "device_id", "fraud",
        "is_retargeting", "is_delivered",
    ),
    "journeys": ("message_id", "media_source", "contribution"),
    "reengagements": ("id_text", "is_delivered"),
}  # fmt: skip


class NothingToScore(PermanentError):
    """There is no truth, or nothing was decided about it; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true of one market, for one app it was sent to.

    `installs` and `touches` hold what was delivered; touches have their `touch_id`, installs the
    `cause_touch_id` ('' without one) and `caused_by`: a media source, `organic`, or `made up`.
    `reengagements` are all people who were brought back, with the `touch_id` that did it;
    `is_delivered` says whether the event of their return was.
    """

    manifest: dict[str, Any]
    installs: pl.DataFrame
    touches: pl.DataFrame
    journeys: pl.DataFrame
    reengagements: pl.DataFrame


def read_truth(folder: Path, app_id: str) -> Truth:
    """Read the truth of a folder for the app its traffic was sent to.

    Raises:
        NothingToScore: The folder holds no finished market, or one of another format.
    """
    try:
        manifest = dict(json.loads((folder / "manifest.json").read_text()))
        frames = {name: pl.read_parquet(folder / f"truth/{name}.parquet") for name in _NEEDED}
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise NothingToScore(
            f"{folder} holds no truth to score against ({error}); "
            "make one with `unmogrowp simulate --out FOLDER`"
        ) from error
    if manifest.get("format") != FORMAT:
        raise NothingToScore(
            f"{folder} has format {manifest.get('format')}, this version reads {FORMAT}"
        )
    for name, columns in _NEEDED.items():
        missing = [column for column in columns if column not in frames[name].columns]
        if missing:
            raise NothingToScore(f"truth of {name} in {folder} lacks {', '.join(missing)}")
    installs = frames["installs"].filter("is_delivered")
    touches = frames["touches"].filter("is_delivered")
    return Truth(
        manifest,
        installs.with_columns(
            cause_touch_id=pl.Series(
                touch_ids(installs["cause_id_text"].to_list(), app_id), dtype=pl.String
            ),
            caused_by=pl.when(pl.col("cause") == "touch")
            .then("media_source")
            .when(pl.col("kind").is_in(MADE_UP))
            .then(pl.lit("made up"))
            .otherwise(pl.lit(ORGANIC)),
        ),
        _with_touch_ids(touches, app_id),
        frames["journeys"],
        _with_touch_ids(frames["reengagements"], app_id),
    )


def _with_touch_ids(frame: pl.DataFrame, app_id: str) -> pl.DataFrame:
    ids = touch_ids(frame["id_text"].to_list(), app_id)
    return frame.with_columns(touch_id=pl.Series(ids, dtype=pl.String))


def touch_ids(texts: Sequence[str], app_id: str) -> list[str]:
    """Return the ids touches have in the tables of an app; '' where there is no touch."""
    return [
        sha256(text.replace("{app_id}", app_id).encode()).hexdigest()[:32] if text else ""
        for text in texts
    ]
