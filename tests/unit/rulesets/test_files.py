import json
from pathlib import Path

import pytest

from unmogrowp.rulesets import OURS, PRESETS, parse_ruleset, read_ruleset
from unmogrowp.rulesets.durations import milliseconds
from unmogrowp.rulesets.files import LARGEST_BYTES, RulesetInvalid
from unmogrowp.rulesets.model import DAY_MS, HOUR_MS
from unmogrowp.rulesets.presets import preset_text

SMALL = """
ruleset_id: mine
rules:
  - {touch_type: click, method: click_id, window: 7d, tier: 1}
  - {touch_type: impression, method: click_id, window: off, tier: 3}
overrides:
  - {media_source: net, touch_type: impression, window: 1d12h}
"""


def test_durations_are_written_as_people_write_them() -> None:
    ruleset = parse_ruleset(SMALL)
    assert [one.window_ms for one in ruleset.rules] == [7 * DAY_MS, None]
    assert ruleset.overrides[0].window_ms == 36 * HOUR_MS


@pytest.mark.parametrize(
    ("text", "expected"),
    [("7d", 7 * DAY_MS), ("1d 12h", 36 * HOUR_MS), ("90m", 5_400_000), ("30s", 30_000),
     ("250ms", 250), ("0d", 0)],
)  # fmt: skip
def test_a_duration_is_numbers_with_units(text: str, expected: int) -> None:
    assert milliseconds(text) == expected


@pytest.mark.parametrize("text", ["", "7", "d", "7 days", "-1d", "1.5d", "1d,2h"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="write it like 7d"):
        milliseconds(text)


def test_json_and_yaml_say_the_same() -> None:
    assert parse_ruleset(OURS.model_dump_json()) == OURS


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_survives_its_own_json_and_is_a_beginning_for_an_own_one(name: str) -> None:
    assert parse_ruleset(PRESETS[name].model_dump_json()) == PRESETS[name]
    own = parse_ruleset(preset_text(name).replace(f"ruleset_id: {name}", "ruleset_id: own"))
    assert own.rules == PRESETS[name].rules


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("7d", "7 days"), r"rules\.1\.window: '7 days' is no duration; write it like 7d"),
        (("7d", "91d"), r"rules\.1\.window_ms: Input should be less than or equal to 7776000000"),
        (("method: click_id, window: 7d", "method: smell, window: 7d"), r"rules\.1\.method"),
        (("tier: 1", "teir: 1"), r"rules\.1\.teir: there is no such field"),
        (("tier: 1", "tier: 0"), r"rules\.1\.tier: .*\(it is 0\)"),
        (("ruleset_id: mine", "ruleset_id: My Rules"), r"ruleset_id: .*'My Rules'"),
        (("ruleset_id: mine\n", ""), "ruleset_id: is missing"),
        (("window: 7d", "window: 7d, window_ms: 5"), "window and window_ms are both set"),
        (("tier: 1", "tier: 1, tier: 2"), "tier stands twice"),
        (("rules:", "rules: {"), "neither YAML nor JSON"),
        (("media_source: net, ", ""), r"overrides\.1: an override names an app_id"),
    ],
)
def test_an_error_says_where_and_what(change: tuple[str, str], says: str) -> None:
    with pytest.raises(RulesetInvalid, match=says):
        parse_ruleset(SMALL.replace(*change, 1), "mine.yaml")


def test_all_faults_are_told_at_once() -> None:
    document = json.loads(OURS.model_dump_json()) | {"version": 0, "colour": "red"}
    document["rules"][1]["tier"] = "first"
    with pytest.raises(RulesetInvalid) as caught:
        parse_ruleset(json.dumps(document))
    places = [line.strip().partition(":")[0] for line in str(caught.value).splitlines()[1:]]
    assert places == ["version", "rules.2.tier", "colour"]


@pytest.mark.parametrize("text", ["", "[]", "7", "- a\n- b"])
def test_a_text_that_holds_no_ruleset_says_so(text: str) -> None:
    with pytest.raises(RulesetInvalid, match="has to begin with ruleset_id"):
        parse_ruleset(text)


def test_a_bomb_of_aliases_is_refused() -> None:
    bomb = "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n"
    with pytest.raises(RulesetInvalid, match="aliases"):
        parse_ruleset(bomb)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(RulesetInvalid, match=r"absent\.yaml cannot be read"):
        read_ruleset(tmp_path / "absent.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RulesetInvalid, match="cannot be read"):
        read_ruleset(tmp_path / "binary.yaml")
    (tmp_path / "huge.yaml").write_bytes(b"#" * (LARGEST_BYTES + 1))
    with pytest.raises(RulesetInvalid, match="larger than 4 MiB"):
        read_ruleset(tmp_path / "huge.yaml")
    (tmp_path / "mine.yaml").write_text(SMALL)
    assert read_ruleset(tmp_path / "mine.yaml").ruleset_id == "mine"
