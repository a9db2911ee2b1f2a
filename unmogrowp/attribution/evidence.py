"""Evidence of a decision that a network can verify offline, holding nothing of other networks.

A bundle is JSON: what is said, and an Ed25519 signature over its canonical form. It names the
install, the outcome for one media source, that source's own touches with the arithmetic of their
windows, and the hash of the rules. It holds no touch, name, id, count or rank of anybody else, and
no id of the device: the network knows its own touches by their ids.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from unmogrowp.attribution.explain import Story
from unmogrowp.attribution.story import RE_ENGAGEMENT
from unmogrowp.attribution.words import duration
from unmogrowp.control.private_files import made_once
from unmogrowp.errors import ConfigurationError, PermanentError

FORMAT = "unmogrowp.evidence/1"
KEY_FILE = "evidence-key"
LARGEST_BYTES = 4 * 1024 * 1024

# Of a touch; rank and the number of candidates would tell how many others there were.
_TOUCH = (
    "touch_id", "touch_type", "media_source", "campaign", "site_id", "touch_at", "is_time_assumed",
    "is_retargeting", "age_ms", "match_type", "matched_on", "window_ms", "tier", "verdict",
)  # fmt: skip
# Reasons that say no more than that another touch won.
_BEATEN = ("lower_tier", "earlier_touch", "weaker_match", "touch_id_order")


class EvidenceInvalid(PermanentError):
    """The bundle was changed, is signed by another key, or contradicts itself."""


class NothingToShow(PermanentError):
    """The media source had no touch in the decision, so there is nothing about it to sign."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A bundle whose signature holds: what it says, and which key signed it."""

    says: dict[str, Any]
    public_key: str
    sentences: tuple[str, ...]


def evidence_of(story: Story, media_source: str) -> dict[str, Any]:
    """Return what one media source may know of a decision.

    Raises:
        NothingToShow: None of its touches was considered.
    """
    touches = [one for one in story.candidates if one["media_source"] == media_source]
    if not touches:
        sources = sorted({str(one["media_source"]) for one in story.candidates})
        raise NothingToShow(
            f"no touch of {media_source or 'an unnamed source'} was considered for this install;"
            f" there is evidence for {', '.join(sources) or 'nobody'}"
        )
    install = story.install
    is_winner = any(one["verdict"] == "won" for one in touches)
    return {
        "format": FORMAT,
        "media_source": media_source,
        "app_id": install["app_id"],
        "install_id": install["install_id"],
        **_opening(install),
        "installed_at": _iso(install["installed_at"]),
        "install_begin_at": _iso(install["install_begin_at"]),
        "platform": install["platform"],
        "outcome": "credited" if is_winner else "not_credited",
        "conversion_kind": install["conversion_kind"] if is_winner else "",
        "ruleset_id": install["ruleset_id"],
        "config_hash": install["config_hash"],
        "decision_id": install["decision_id"],
        "touches": [_touch(one) for one in touches],
    }


def _opening(install: Mapping[str, Any]) -> dict[str, str]:
    """Return what names a re-engagement: an install has any number of them."""
    is_opening = install["conversion_kind"] == RE_ENGAGEMENT
    return {"conversion_id": str(install["conversion_id"])} if is_opening else {}


def sign(says: Mapping[str, Any], key: Ed25519PrivateKey) -> str:
    """Return the bundle: what is said with the signature over its canonical JSON."""
    return json.dumps(
        {
            "says": says,
            "public_key": _text(key.public_key().public_bytes_raw()),
            "signature": _text(key.sign(_canonical(says))),
        },
        indent=1,
        ensure_ascii=False,
    )


def verify(bundle: str, public_key: str = "") -> Verified:
    """Check a bundle without any connection: signature, key, and the arithmetic of its windows.

    Args:
        bundle: The text of the bundle.
        public_key: The key of whom you trust, as they published it; without it the signature only
            shows that nothing was changed since the key in the bundle signed it.

    Raises:
        EvidenceInvalid: Something does not hold; the message says what.
    """
    if len(bundle) > LARGEST_BYTES:
        raise EvidenceInvalid("this is larger than any bundle")
    try:
        document = json.loads(bundle)
        says, used = document["says"], document["public_key"]
        signature = base64.b64decode(document["signature"], validate=True)
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(used, validate=True))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise EvidenceInvalid("this is no evidence bundle") from error
    if public_key and public_key.strip() != used:
        raise EvidenceInvalid("it is signed by another key than the one that was given")
    try:
        key.verify(signature, _canonical(says))
    except InvalidSignature as error:
        raise EvidenceInvalid(
            "the signature does not hold: it was changed after signing"
        ) from error
    if not isinstance(says, dict) or says.get("format") != FORMAT:
        raise EvidenceInvalid(f"it is not of the format {FORMAT}")
    _check_arithmetic(says)
    return Verified(says, used, tuple(_sentences(says)))


def load_key(folder: Path) -> Ed25519PrivateKey:
    """Return the key that signs evidence, made at first use and kept for this user alone.

    Raises:
        ConfigurationError: The file is there but holds no key.
    """
    file = folder / KEY_FILE
    text = made_once(file, lambda: _text(Ed25519PrivateKey.generate().private_bytes_raw()))
    try:
        return Ed25519PrivateKey.from_private_bytes(base64.b64decode(text))
    except ValueError as error:
        raise ConfigurationError(
            f"{file} holds no signing key; restore it from a backup"
        ) from error


def public_key_of(key: Ed25519PrivateKey) -> str:
    """Return the public key as it is published."""
    return _text(key.public_key().public_bytes_raw())


def fingerprint(public_key: str) -> str:
    """Return a short form of a public key that people can read to each other."""
    digest = hashlib.sha256(base64.b64decode(public_key)).hexdigest()[:32]
    return ":".join(digest[place : place + 4] for place in range(0, len(digest), 4))


def _touch(one: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: one[name] for name in _TOUCH}
    shown["touch_at"] = _iso(one["touch_at"])
    shown["is_time_assumed"] = bool(one["is_time_assumed"])
    shown["is_retargeting"] = bool(one["is_retargeting"])
    shown["matched_on"] = list(one["matched_on"])
    shown["reason"] = "another_touch_won" if one["reason"] in _BEATEN else one["reason"]
    shown["fraud_verdicts"] = [
        {"rule": rule, "mode": mode, "value": value, "threshold": threshold}
        for rule, mode, value, threshold in one["fraud_verdicts"]
        if mode != "shadow"
    ]
    return shown


def _check_arithmetic(says: Mapping[str, Any]) -> None:
    try:
        installed_ms = _ms(says["installed_at"])
        for one in says["touches"]:
            age_ms = installed_ms - _ms(one["touch_at"])
            window_ms = int(one["window_ms"])
            is_late = one["verdict"] != "refused" and not 0 <= age_ms <= window_ms
            is_foreign = one["media_source"] != says["media_source"]
            if age_ms != one["age_ms"] or is_late or is_foreign:
                raise EvidenceInvalid(f"what it says of touch {one['touch_id']} contradicts itself")
        is_credited = any(one["verdict"] == "won" for one in says["touches"])
        if is_credited != (says["outcome"] == "credited"):
            raise EvidenceInvalid("its outcome contradicts its touches")
    except (KeyError, TypeError, ValueError) as error:
        raise EvidenceInvalid("a part of it is missing") from error


def _sentences(says: Mapping[str, Any]) -> list[str]:
    is_opening = "conversion_id" in says
    named = f"Opening {says['conversion_id']} after install" if is_opening else "Install"
    told = [
        f"{named} {says['install_id']} of app {says['app_id']} at {says['installed_at']} is"
        f" {'' if says['outcome'] == 'credited' else 'not '}credited to {says['media_source']}."
    ]
    for one in says["touches"]:
        reason = f" ({one['reason']})" if one["reason"] else ""
        age_ms = int(one["age_ms"])
        told.append(
            f"The {one['touch_type']} {one['touch_id']} at {one['touch_at']}, matched by"
            f" {one['match_type']}, came {duration(abs(age_ms))}"
            f" {'before' if age_ms >= 0 else 'after'} the"
            f" {'opening' if is_opening else 'install'}; its window is"
            f" {duration(int(one['window_ms']))}: {one['verdict']}{reason}."
        )
    told.append(
        f"It was decided under ruleset {says['ruleset_id']} ({says['config_hash'][:12]}), decision"
        f" {says['decision_id']}."
    )
    return told


def _canonical(says: object) -> bytes:
    return json.dumps(says, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _iso(at: datetime | None) -> str | None:
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _ms(text: str) -> int:
    at = datetime.fromisoformat(text)
    return int(at.replace(microsecond=0).timestamp()) * 1000 + at.microsecond // 1000


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
