"""Ten installs of the month in plain sentences, beside the rows that a reader checks them against.

The rows are looked up by ids in what landed, not in what was decided; a touch that is in one and
not in the other stops the page from being written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.harness import sql
from unmogrowp.attribution.explain import Story, explain
from unmogrowp.errors import PermanentError
from unmogrowp.rulesets import OURS
from unmogrowp.warehouse.client import Warehouse

REACH_MS = 8 * 86_400_000
ROWS_SHOWN = 12

TITLES = {
    "click_id": "Won by its click id",
    "referrer": "Won by the store referrer alone",
    "device_id": "Won by a device id: a click goes before a later view",
    "view": "Won by a view",
    "no_touch": "Organic: nothing matches",
    "outside_window": "Organic: every touch is too old",
    "fraud": "Blocked as fraud, and the next touch wins",
    "reinstall": "A reinstall",
    "re_attribution": "A re-attribution",
    "after_install": "Organic: the touch came after the install",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """One install of the page: its story, its touches as they landed, what the market knows."""

    case: str
    story: Story
    event: Sequence[Any]
    rows: Sequence[tuple[Any, ...]]
    truth: Mapping[str, object]


def story_of(warehouse: Warehouse, truth: Mapping[str, Mapping[str, object]]) -> list[Shown]:
    """Return an install for each case, in the order of the page.

    Raises:
        PermanentError: The market shows a case nowhere, or a story leaves a touch out.
    """
    choices = sql("explained_choices")
    chosen = dict(warehouse.rows(choices, {"ruleset": OURS.ruleset_id}))
    missing = [case for case in TITLES if case not in chosen]
    if missing:
        raise PermanentError(f"this market shows no {', '.join(missing)}: more users, another seed")
    shown = []
    for case in TITLES:
        story = explain(warehouse, chosen[case])
        rows = warehouse.rows(
            sql("raw_touches_of_install"),
            {"install_id": chosen[case], "reach_ms": REACH_MS},
        )
        considered = {
            one["touch_id"] for one in story.candidates if one["match_type"] != "referrer"
        }
        if considered != {row[-1] for row in rows}:
            raise PermanentError(
                f"{chosen[case]}: the touches considered are not those that landed"
            )
        message_id = str(story.install["source_message_id"])
        (event,) = warehouse.rows(
            sql("raw_event_of_install"),
            {"app_id": story.install["app_id"], "message_id": message_id},
        )
        shown.append(Shown(case, story, event, rows, truth.get(message_id, {})))
    return shown


def render_explained(shown: Sequence[Shown], command: str) -> str:
    """Return the page as Markdown."""
    parts = [
        "# Ten installs, explained\n",
        f"Written by `{command}`: a month of a made-up market ([simulator.md](simulator.md)) is"
        " played, sent, landed and decided under the ruleset `ours`; the same seed gives the same"
        " page. The sentences are what `unmogrowp explain INSTALL_ID` prints. Below each story"
        " stand what the market knows, which no attribution could see; the install event as it"
        " landed; and the touches of the app that share an id with it, as they landed, from 8 days"
        " before it to a day after it. An install is dated by the first open of the app.\n",
        "A touch is named by the first characters of its `touch_id`. A touch that is made from the"
        " store referrer has no row: the referrer is all that is known of it.\n",
    ]
    parts += [_section(number, one) for number, one in enumerate(shown, 1)]
    return "\n".join(parts)


def _section(number: int, one: Shown) -> str:
    lines = [f"## {number}. {TITLES[one.case]}\n", f"`unmogrowp explain {_id(one)}`\n"]
    lines += [f"- {sentence}" for sentence in one.story.sentences]
    lines += [f"\n{_truth(one.truth)}\n", f"{_event(one.event)}\n"]
    if one.rows:
        head = ("touch", "type", "source", "campaign", "site", "at (UTC)", "click id",
                "advertising id", "ms before the install")  # fmt: skip
        lines += [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
        lines += [f"| {' | '.join(map(str, row[:-1]))} |" for row in one.rows[:ROWS_SHOWN]]
        if len(one.rows) > ROWS_SHOWN:
            lines.append(f"\n… and {len(one.rows) - ROWS_SHOWN} more, all earlier.")
    else:
        lines.append("No touch of the app shares an id with it.")
    return "\n".join(lines) + "\n"


def _id(one: Shown) -> str:
    return str(one.story.install["install_id"])


def _event(event: Sequence[Any]) -> str:
    name, at, platform, *ids, properties = event
    named = zip(("gaid", "android_id", "idfa", "idfv"), ids, strict=True)
    told = ", ".join(f"{what} `{value}`" for what, value in named if value)
    return f"As it landed: `{name}` at {at} UTC, {platform}; {told}; properties `{properties}`"


def _truth(truth: Mapping[str, object]) -> str:
    if not truth:
        return "*What the market knows: nothing; the install event did not arrive.*"
    cause = str(truth["cause"])
    told = {
        "organic": "nobody's ad caused this install",
        "touch": f"an ad of {truth['media_source']} caused it",
        "device_farm": "there is no person: a device farm made it up",
        "sdk_spoofing": "there is no phone: the events are made up",
    }[cause]
    if truth["carried_fraud"]:
        told += f"; the click id it carries is from {str(truth['carried_fraud']).replace('_', ' ')}"
    if truth["kind"] == "reinstall":
        told += "; the person had removed the app"
    return f"*What the market knows: {told}.*"
