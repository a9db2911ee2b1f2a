"""The story of one decision, in sentences that a reader who does not know the code can check.

Everything told is read from the tables; nothing is decided again here.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from unmogrowp.attribution.story import tell
from unmogrowp.errors import PermanentError
from unmogrowp.warehouse import named_queries
from unmogrowp.warehouse.client import Warehouse


class InstallUnknown(PermanentError):
    """There is no install or opening of that id, or it has no decision under the ruleset yet."""


@dataclass(frozen=True, slots=True)
class Story:
    """What happened, what was considered, and why it came out so."""

    install: dict[str, Any]
    candidates: tuple[dict[str, Any], ...]
    sentences: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the story as plain values; instants are ISO 8601 in UTC."""
        return {
            "install": _plain(self.install),
            "candidates": [_plain(one) for one in self.candidates],
            "sentences": list(self.sentences),
        }


def explain(warehouse: Warehouse, conversion_id: str, ruleset_id: str = "") -> Story:
    """Tell how a conversion was decided under a ruleset; without one, what counts.

    Args:
        warehouse: Where the decisions are.
        conversion_id: That of a re-engagement; for installs it is the install_id.
        ruleset_id: Whose decision; '': that of the ruleset which counts.

    Raises:
        InstallUnknown: No such install, or it is not decided yet.
    """
    params = {"conversion_id": conversion_id, "ruleset_id": ruleset_id}
    found = warehouse.records(
        named_queries.load("mart/explain_install"), params
    ) or warehouse.records(named_queries.load("mart/explain_opening"), params)
    if not found:
        raise InstallUnknown(
            f"there is no install {conversion_id}: ids stand in the column install_id of"
            " mart.installs, those of re-engagements in conversion_id of"
            " mart.attributed_installs, and `unmogrowp sync` brings in what was sent a moment ago"
        )
    install = found[0]
    if not install["decision_id"]:
        under = f" under {ruleset_id}" if ruleset_id else ""
        raise InstallUnknown(
            f"install {conversion_id} has no decision{under} yet: `unmogrowp sync` decides"
            " under what counts, `unmogrowp whatif --ruleset` under anything else"
        )
    params["ruleset_id"] = install["ruleset_id"]
    candidates = tuple(
        warehouse.records(
            named_queries.load("mart/explain_candidates"),
            {**params, "app_id": install["app_id"], "day": install["installed_at"].date()},
        )
    )
    return Story(install, candidates, tuple(tell(install, candidates)))


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value.isoformat().replace("+00:00", "Z")
        if isinstance(value, datetime)
        else bool(value)
        if key.startswith("is_")
        else value
        for key, value in row.items()
    }
