"""Postbacks as iPhones send them for SKAdNetwork: delayed, coarse, and without the person.

Versions 4.0 and 3.0, in Apple's fields and signed in Apple's order, with a key of the market's own
(its public half stands in the manifest): nobody but Apple can sign with Apple's. How crowds become
tiers is not published; the limits here are assumptions.
"""

import base64
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
import polars as pl
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from unmogrowp.simulator.generate import Played
from unmogrowp.simulator.population import DAY_MS
from unmogrowp.simulator.randomness import Dice, uuids

HOUR_MS = 3_600_000
SEPARATOR = "\u2063"
SIGNED_4 = (
    "version", "ad-network-id", "source-identifier", "app-id", "transaction-id", "redownload",
    "source-app-id", "fidelity-type", "did-win", "postback-sequence-index",
)  # fmt: skip
SIGNED_3 = (
    "version", "ad-network-id", "campaign-id", "app-id", "transaction-id", "redownload",
    "source-app-id", "fidelity-type", "did-win",
)  # fmt: skip
# Installs of one campaign from which its postbacks say more (assumed).
TIER_FROM = (0, 5, 20, 60)
SOURCE_DIGITS = (2, 2, 3, 4)
# Last day of each window since the first launch, and the random delay after it in hours.
WINDOWS = ((2, 24, 48), (7, 24, 144), (35, 24, 144))
VERSION_3_SHARE = 0.15
LOSER_SHARE = 0.3
PATH = "/.well-known/skadnetwork/report-attribution/"


@dataclass(frozen=True, slots=True)
class Postback:
    """One postback: when it arrives, the install behind it, and the body."""

    at: int
    install: int
    body: dict[str, Any]


class Signer:
    """Signs like a device would, with a key that follows from the seed."""

    def __init__(self, seed: int) -> None:
        number = int.from_bytes(sha256(f"skadnetwork/{seed}".encode()).digest()) >> 1
        self._key = ec.derive_private_key(number | 1, ec.SECP256R1())
        self._algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)

    @property
    def public_key(self) -> str:
        """Return the public key as base64 of its DER form, as Apple publishes its own."""
        der = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return base64.b64encode(der).decode()

    def signed(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the body with its signature; fields it does not have are left out of the text."""
        order = SIGNED_4 if body["version"] == "4.0" else SIGNED_3
        text = SEPARATOR.join(_spelled(body[name]) for name in order if name in body)
        signature = self._key.sign(text.encode(), self._algorithm)
        return {**body, "attribution-signature": base64.b64encode(signature).decode()}


def _spelled(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def postbacks(played: Played) -> list[Postback]:
    """Return the postbacks that arrive before the market ends, in the order of arrival."""
    market, installs = played.market, played.installs
    rng = Dice(played.seed).stream("skadnetwork")
    networks = market.networks
    is_ios = played.devices["platform"].gather(installs["device"]) == "ios"
    has_id = np.array([bool(one.ad_network_id) for one in networks] + [False])
    chosen = np.flatnonzero(
        is_ios.to_numpy()
        & (installs["kind"] == "install").to_numpy()
        & has_id[installs["cause_network"].to_numpy()]
    )
    signer = Signer(played.seed)
    exposure = installs["cause_exposure"].to_numpy()[chosen]
    campaign = played.exposures.campaign[exposure]
    network = installs["cause_network"].to_numpy()[chosen]
    crowd = np.bincount(network * 100 + campaign, minlength=1)[network * 100 + campaign]
    tier = np.searchsorted(TIER_FROM, crowd, side="right") - 1
    engagement = _engagement(played)
    transactions = uuids(rng, len(chosen) * (len(WINDOWS) + 1)).to_list()
    opened = installs["opened_at"].to_numpy()[chosen]
    found: list[Postback] = []
    for n, install in enumerate(chosen.tolist()):
        one = networks[network[n]]
        is_old = rng.random() < VERSION_3_SHARE
        source = f"{(network[n] + 1) * 1000 + campaign[n] * 37 + 5:04d}"
        common = {
            "app-id": market.app_store_id,
            "redownload": False,
            "fidelity-type": int(played.exposures.is_click[exposure[n]]),
        }
        seen = engagement.get(install, [])
        for index, (last_day, least, most) in enumerate(WINDOWS):
            body: dict[str, Any] = {
                "version": "3.0" if is_old else "4.0",
                "ad-network-id": one.ad_network_id,
                "transaction-id": transactions[n * 4 + index],
                "did-win": True,
                **common,
            }
            if is_old:
                body["campaign-id"] = int(campaign[n]) + 1
            else:
                body["source-identifier"] = source[: SOURCE_DIGITS[tier[n]]]
                body["postback-sequence-index"] = index
            if tier[n] == 3:
                body["source-app-id"] = 1_000_000_000 + int(network[n]) * 1000
            body |= _values(seen, opened[n] + last_day * DAY_MS, index, int(tier[n]), is_old)
            at = int(opened[n] + last_day * DAY_MS + rng.uniform(least, most) * HOUR_MS)
            found.append(Postback(at, install, body))
            if is_old or tier[n] == 0:
                break
        if rng.random() < LOSER_SHARE:
            rivals = [r for r in networks if r.ad_network_id and r is not one]
            if rivals:
                rival = rivals[int(rng.integers(0, len(rivals)))]
                found.append(
                    Postback(
                        found[-1].at + int(rng.uniform(0, 6) * HOUR_MS),
                        install,
                        {
                            "version": "4.0",
                            "ad-network-id": rival.ad_network_id,
                            "transaction-id": transactions[n * 4 + 3],
                            "did-win": False,
                            "source-identifier": source[:2],
                            "postback-sequence-index": 0,
                            **common,
                        },
                    )
                )
    arriving = [one for one in found if one.at < played.span.end_ms]
    arriving.sort(key=lambda one: (one.at, one.body["transaction-id"]))
    return [Postback(one.at, one.install, signer.signed(one.body)) for one in arriving]


def _engagement(played: Played) -> dict[int, list[tuple[int, str]]]:
    """Return per install when levels were completed and things bought."""
    events = played.events.filter(pl.col("name").is_in(["Level Completed", "Order Completed"]))
    grouped = events.group_by("install", maintain_order=True).agg("at", "name")
    return {install: list(zip(at, name, strict=True)) for install, at, name in grouped.iter_rows()}


def _values(
    seen: list[tuple[int, str]], until: int, index: int, tier: int, is_old: bool
) -> dict[str, Any]:
    """Return the conversion values a postback of a tier may carry."""
    names = [name for at, name in seen if at < until]
    orders = names.count("Order Completed")
    fine = min(63, 20 * orders + len(names) - orders)
    coarse = "high" if orders else "medium" if fine >= 5 else "low"
    if tier == 0:
        return {}
    if index == 0 and (tier >= 2 or is_old):
        return {"conversion-value": fine}
    return {"coarse-conversion-value": coarse}
