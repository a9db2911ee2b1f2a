import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from unmogrowp.attribution.evidence import (
    KEY_FILE,
    EvidenceInvalid,
    NothingToShow,
    evidence_of,
    fingerprint,
    load_key,
    public_key_of,
    sign,
    verify,
)
from unmogrowp.attribution.explain import Story
from unmogrowp.errors import ConfigurationError

N = datetime(2026, 3, 10, 12, 0, 0, 250_000, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
HOUR_MS = 3_600_000


def touch(
    media_source: str, verdict: str, reason: str = "", age_ms: int = HOUR_MS
) -> dict[str, Any]:
    return {
        "touch_id": f"touch-of-{media_source}",
        "touch_type": "click",
        "media_source": media_source,
        "campaign": f"campaign-of-{media_source}",
        "site_id": f"site-of-{media_source}",
        "touch_at": N - timedelta(milliseconds=age_ms),
        "is_time_assumed": False,
        "is_retargeting": False,
        "age_ms": age_ms,
        "match_type": "device_id",
        "matched_on": ["gaid"],
        "window_ms": 7 * 24 * HOUR_MS,
        "tier": 1,
        "rank": {"won": 1, "lost": 2, "refused": 0}[verdict],
        "verdict": verdict,
        "reason": reason,
        "fraud_verdicts": [
            ("click_injection.ctit_short", "flag", 5.0, 10.0),
            ("hyper_engagement", "shadow", 5.0, 1.0),
        ],
    }


STORY = Story(
    install={
        "app_id": "app",
        "install_id": "install-1",
        "device_key": "device-7",
        "gaid": "secret-gaid",
        "user_id": "secret-user",
        "installed_at": N,
        "install_begin_at": None,
        "platform": "android",
        "conversion_kind": "install",
        "media_source": "alpha",
        "candidate_count": 3,
        "eligible_count": 2,
        "decision_id": "d" * 32,
        "ruleset_id": "ours",
        "config_hash": "c" * 64,
    },
    candidates=(
        touch("alpha", "won"),
        touch("beta", "lost", "earlier_touch", 2 * HOUR_MS),
        touch("gamma", "refused", "after_install", -500),
    ),
    sentences=("…",),
)


def bundle_for(media_source: str) -> str:
    return sign(evidence_of(STORY, media_source), KEY)


@pytest.mark.parametrize(
    ("media_source", "outcome", "reason"),
    [
        ("alpha", "credited", ""),
        ("beta", "not_credited", "another_touch_won"),
        ("gamma", "not_credited", "after_install"),
    ],
)
def test_a_network_verifies_its_own_outcome_offline(
    media_source: str, outcome: str, reason: str
) -> None:
    verified = verify(bundle_for(media_source), public_key_of(KEY))
    assert verified.says["outcome"] == outcome
    assert [one["reason"] for one in verified.says["touches"]] == [reason]
    assert media_source in verified.sentences[0]


@pytest.mark.parametrize("media_source", ["alpha", "beta", "gamma"])
def test_a_bundle_holds_nothing_of_other_networks_and_nothing_of_the_person(
    media_source: str,
) -> None:
    text = bundle_for(media_source)
    for other in {"alpha", "beta", "gamma"} - {media_source}:
        assert other not in text
    for secret in ("secret-gaid", "secret-user", "device-7"):
        assert secret not in text
    assert "rank" not in text
    assert "count" not in text
    assert "shadow" not in text
    assert "earlier_touch" not in text


@pytest.mark.parametrize(
    "reason", ["lower_tier", "earlier_touch", "weaker_match", "touch_id_order"]
)
def test_how_a_touch_was_beaten_is_not_told(reason: str) -> None:
    beaten = Story(STORY.install, (touch("alpha", "lost", reason),), ())
    assert evidence_of(beaten, "alpha")["touches"][0]["reason"] == "another_touch_won"


def test_a_network_without_a_touch_has_no_evidence() -> None:
    with pytest.raises(NothingToShow, match="no touch of delta"):
        evidence_of(STORY, "delta")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("outcome",), "not_credited"),
        (("installed_at",), "2026-03-10T12:00:00.251Z"),
        (("touches", 0, "campaign"), "another"),
        (("touches", 0, "age_ms"), 1),
        (("config_hash",), "e" * 64),
        (("extra",), True),
    ],
    ids=lambda one: str(one),
)
def test_any_change_breaks_the_signature(path: tuple[Any, ...], value: object) -> None:
    document = json.loads(bundle_for("alpha"))
    place = document["says"]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(EvidenceInvalid, match="changed after signing"):
        verify(json.dumps(document))


def test_order_and_spaces_of_the_json_do_not_matter() -> None:
    document = json.loads(bundle_for("alpha"))
    turned = {"says": dict(reversed(document["says"].items()))} | {
        name: document[name] for name in ("signature", "public_key")
    }
    assert verify(json.dumps(turned)).says == document["says"]


def test_a_bundle_signed_by_somebody_else_is_refused_where_the_key_is_known() -> None:
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    forged = sign(evidence_of(STORY, "alpha"), other)
    verify(forged)
    with pytest.raises(EvidenceInvalid, match="another key"):
        verify(forged, public_key_of(KEY))


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("touches", 0, "age_ms"), 1, "contradicts itself"),
        (("touches", 0, "window_ms"), 1, "contradicts itself"),
        (("touches", 0, "media_source"), "beta", "contradicts itself"),
        (("outcome",), "not_credited", "contradicts its touches"),
        (("touches",), [{}], "a part of it is missing"),
        (("format",), "other/1", "not of the format"),
    ],
)
def test_a_signed_contradiction_is_found(path: tuple[Any, ...], value: object, says: str) -> None:
    document = json.loads(json.dumps(evidence_of(STORY, "alpha")))
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(EvidenceInvalid, match=says):
        verify(sign(document, KEY))


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "7", '{"says": {}, "public_key": "x", "signature": "y"}', "[" * 100_000,
     "x" * 5_000_000],
    ids=["empty", "object", "list", "number", "no keys", "deep", "huge"],
)  # fmt: skip
def test_what_is_no_bundle_is_told_so(text: str) -> None:
    with pytest.raises(EvidenceInvalid):
        verify(text)


def test_a_key_is_made_once_and_for_this_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    made = load_key(folder)
    assert public_key_of(load_key(folder)) == public_key_of(made)
    assert stat.S_IMODE((folder / KEY_FILE).stat().st_mode) == 0o600
    assert list(folder.iterdir()) == [folder / KEY_FILE]
    assert len(fingerprint(public_key_of(made))) == 39


def test_a_broken_key_file_is_named(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_text("nonsense")
    with pytest.raises(ConfigurationError, match="holds no signing key"):
        load_key(tmp_path)
