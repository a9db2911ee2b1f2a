"""Attribution scenarios as data: what is sent, and the rows that must come out.

A shape is read from the install (`n`): `c` a click, `i` an impression, `@` its offset to the
install. Expected rows name touches by their media source: alpha, beta, gamma.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tests.e2e.messages import (
    DAY_MS,
    HOUR_MS,
    INSTALLED,
    MINUTE_MS,
    SECOND_MS,
    Device,
    batch,
    identifier,
    track,
)
from tests.e2e.platform import App, Platform

CLICK_WINDOW_MS = 7 * DAY_MS
IMPRESSION_WINDOW_MS = DAY_MS
NO_ADVERTISING_ID = "00000000-0000-0000-0000-000000000000"

By = Literal["advertising_id", "click_id"]


@dataclass(frozen=True)
class Touch:
    """A click or impression, `offset_ms` from the install."""

    kind: Literal["click", "impression"]
    source: str
    offset_ms: int
    by: By = "advertising_id"
    copies: int = 1


@dataclass(frozen=True)
class Decision:
    """What `mart.attributed_installs` and `mart.installs` must say."""

    source: str
    organic_reason: str = ""
    match_type: str = ""
    touch_type: str = ""
    ctit_ms: int | None = None
    window_ms: int | None = None
    candidates: int = 0
    eligible: int = 0
    assists: tuple[str, ...] = ()
    kind: str = "install"
    at_offset_ms: int = 0
    is_implied: bool = False


@dataclass(frozen=True)
class Candidate:
    """What `mart.attribution_candidates` must say of one touch."""

    source: str
    match_type: str
    age_ms: int
    rank: int
    verdict: str
    reason: str


@dataclass(frozen=True)
class Scenario:
    """One phone, its touches and installs, and the only rows they may make.

    `properties` of the install are written when its instant is known; `stranger` sends the touches
    on behalf of another app.
    """

    shape: str
    touches: tuple[Touch, ...] = ()
    decisions: tuple[Decision, ...] = ()
    candidates: tuple[Candidate, ...] | None = None
    installs_at: tuple[int, ...] = (0,)
    opens_at: tuple[int, ...] = ()
    properties: Callable[[int], Mapping[str, Any]] = lambda _: {}
    days_ago: int = 0
    device: Device | None = None
    copies: int = 1
    stranger: bool = False

    @property
    def phone(self) -> Device:
        """Return the phone of the scenario: no two share an id."""
        return self.device or Device.named(f"scenario {self.shape}")

    def installed_ms(self, now_ms: int) -> int:
        """Return the instant that offsets count from; everything lies in the past."""
        return now_ms - 3 * HOUR_MS - self.days_ago * DAY_MS

    def click_id(self, touch: Touch) -> str:
        """Return the click id that a touch and the install share."""
        return f"Clk-{identifier(self.shape, touch.source)}"

    def play(self, platform: Platform, app: App, other_app: App, now_ms: int) -> None:
        """Send everything: touches as networks do, events as SDKs do."""
        installed_ms = self.installed_ms(now_ms)
        phone = self.phone
        carried: dict[str, Any] = {}
        for touch in self.touches:
            fields = {
                "app_id": (other_app if self.stranger else app).app_id,
                "media_source": touch.source,
                "touch_at": str(installed_ms + touch.offset_ms),
            }
            if touch.by == "click_id":
                fields["click_id"] = carried["click_id"] = self.click_id(touch)
            if touch.by == "advertising_id" or self.stranger:
                fields[phone.advertising_field] = phone.advertising_id.upper()
            for _ in range(touch.copies):
                answer = platform.touch(touch.kind, fields)
                assert answer.status_code == 200, answer.text
        carried.update(self.properties(installed_ms))
        items = [
            track(phone, INSTALLED, installed_ms + at, properties=carried)
            for at in self.installs_at
        ] + [track(phone, "Application Opened", installed_ms + at) for at in self.opens_at]
        for _ in range(self.copies):
            answer = platform.post("/v1/batch", batch(*items), key=app.write_key)
            assert answer.status_code == 200, answer.text


def _won(touch_type: str, match_type: str, age_ms: int | None, **more: Any) -> Decision:
    row: dict[str, Any] = {
        "source": "alpha",
        "candidates": 1,
        "eligible": 1,
        "window_ms": CLICK_WINDOW_MS if touch_type == "click" else IMPRESSION_WINDOW_MS,
        **more,
    }
    return Decision(match_type=match_type, touch_type=touch_type, ctit_ms=age_ms, **row)


def _organic(reason: str = "no_touch", candidates: int = 0, **more: Any) -> Decision:
    return Decision("organic", reason, candidates=candidates, **more)


def _refused(age_ms: int, reason: str) -> tuple[Candidate, ...]:
    return (Candidate("alpha", "device_id", age_ms, 0, "refused", reason),)


PAID_REFERRER = "utm_source=newsletter&utm_medium=email&utm_campaign=may"
STORE_REFERRER = "utm_source=google-play&utm_medium=organic"


def _referrer_with_clocks(installed_ms: int) -> dict[str, Any]:
    return {
        "install_referrer": {
            "install_referrer": PAID_REFERRER,
            "referrer_click_timestamp_server_seconds": (installed_ms - 9 * MINUTE_MS) // 1000,
            "install_begin_timestamp_server_seconds": (installed_ms - 2 * MINUTE_MS) // 1000,
        }
    }


SCENARIOS = (
    Scenario("1n", decisions=(_organic(),), candidates=()),
    Scenario(
        "1c_1n",
        (Touch("click", "alpha", -HOUR_MS, "click_id"),),
        (_won("click", "click_id", HOUR_MS),),
        (Candidate("alpha", "click_id", HOUR_MS, 1, "won", ""),),
    ),
    Scenario(
        "1i_2c_1n",
        (
            Touch("impression", "gamma", -HOUR_MS),
            Touch("click", "beta", -3 * HOUR_MS),
            Touch("click", "alpha", -2 * HOUR_MS),
        ),
        (
            _won(
                *("click", "device_id", 2 * HOUR_MS),
                candidates=3,
                eligible=3,
                assists=("beta", "gamma"),
            ),
        ),
        (
            Candidate("alpha", "device_id", 2 * HOUR_MS, 1, "won", ""),
            Candidate("beta", "device_id", 3 * HOUR_MS, 2, "lost", "earlier_touch"),
            Candidate("gamma", "device_id", HOUR_MS, 3, "lost", "lower_tier"),
        ),
        days_ago=1,
    ),
    Scenario(
        "c@-7d_n",
        (Touch("click", "alpha", -7 * DAY_MS),),
        (_won("click", "device_id", 7 * DAY_MS),),
        days_ago=2,
    ),
    Scenario(
        "c@-6d23h59m59s999ms_n",
        (Touch("click", "alpha", -7 * DAY_MS + 1),),
        (_won("click", "device_id", 7 * DAY_MS - 1),),
    ),
    Scenario(
        "c@-7d1ms_n",
        (Touch("click", "alpha", -7 * DAY_MS - 1),),
        (_organic("outside_window", 1),),
        _refused(7 * DAY_MS + 1, "outside_window"),
        days_ago=2,
    ),
    Scenario(
        "i@-1d_n",
        (Touch("impression", "alpha", -DAY_MS),),
        (_won("impression", "device_id", DAY_MS),),
    ),
    Scenario(
        "i@-1d1ms_n",
        (Touch("impression", "alpha", -DAY_MS - 1),),
        (_organic("outside_window", 1),),
        _refused(DAY_MS + 1, "outside_window"),
    ),
    # A click younger than a second cannot have led to the install: the rules block it by default.
    Scenario(
        "c@0_n",
        (Touch("click", "alpha", 0),),
        (_organic("fraud_blocked:click_injection.ctit_short", 1),),
        _refused(0, "fraud_blocked:click_injection.ctit_short"),
    ),
    Scenario(
        "c@-999ms_n",
        (Touch("click", "alpha", 1 - SECOND_MS),),
        (_organic("fraud_blocked:click_injection.ctit_short", 1),),
        _refused(SECOND_MS - 1, "fraud_blocked:click_injection.ctit_short"),
    ),
    Scenario(
        "c@-1s_n",
        (Touch("click", "alpha", -SECOND_MS),),
        (_won("click", "device_id", SECOND_MS),),
    ),
    Scenario(
        "c@+1s_n",
        (Touch("click", "alpha", SECOND_MS),),
        (_organic("after_install", 1),),
        _refused(-SECOND_MS, "after_install"),
    ),
    Scenario(
        "c@-26h_i@-2m_n",
        (Touch("click", "alpha", -26 * HOUR_MS), Touch("impression", "beta", -2 * MINUTE_MS)),
        (_won("click", "device_id", 26 * HOUR_MS, candidates=2, eligible=2, assists=("beta",)),),
        (
            Candidate("alpha", "device_id", 26 * HOUR_MS, 1, "won", ""),
            Candidate("beta", "device_id", 2 * MINUTE_MS, 2, "lost", "lower_tier"),
        ),
        days_ago=1,
        device=Device.named("phone of the impatient", "ios"),
    ),
    Scenario(
        "2c_3n all copies",
        (Touch("click", "alpha", -HOUR_MS, "click_id", copies=2),),
        (_won("click", "click_id", HOUR_MS),),
        copies=3,
    ),
    Scenario(
        "referrer@-9m_n",
        decisions=(_won("click", "referrer", 9 * MINUTE_MS, source="newsletter"),),
        candidates=(Candidate("newsletter", "referrer", 9 * MINUTE_MS, 1, "won", ""),),
        properties=_referrer_with_clocks,
    ),
    Scenario(
        "referrer without clock_n",
        decisions=(_won("click", "referrer", None, source="newsletter"),),
        properties=lambda _: {"install_referrer": PAID_REFERRER},
    ),
    Scenario(
        "referrer of the store_n",
        decisions=(_organic(),),
        candidates=(),
        properties=lambda _: {"install_referrer": STORE_REFERRER},
    ),
    Scenario(
        "c_n zero ids never match",
        (Touch("click", "alpha", -HOUR_MS),),
        (_organic(),),
        (),
        device=Device("nobody", "ios", NO_ADVERTISING_ID, identifier("nobody")),
    ),
    Scenario(
        "c_n of two apps never meet",
        (Touch("click", "alpha", -HOUR_MS, "click_id"),),
        (_organic(),),
        (),
        stranger=True,
    ),
    Scenario(
        "implied", decisions=(_organic(is_implied=True),), installs_at=(), opens_at=(0, MINUTE_MS)
    ),
    Scenario(
        "implied_n@+1h takes its place",
        decisions=(_organic(at_offset_ms=HOUR_MS),),
        installs_at=(HOUR_MS,),
        opens_at=(0,),
    ),
    Scenario(
        "implied_n@+1h1ms is the next one",
        decisions=(
            _organic(is_implied=True),
            _organic(kind="reinstall", at_offset_ms=HOUR_MS + 1),
        ),
        installs_at=(HOUR_MS + 1,),
        opens_at=(0,),
    ),
    Scenario("n_n@+1h is one", decisions=(_organic(),), installs_at=(0, HOUR_MS)),
    Scenario(
        "n_c_n reinstall",
        (Touch("click", "alpha", DAY_MS),),
        (
            _organic("after_install", 1),
            _won("click", "device_id", DAY_MS, kind="reinstall", at_offset_ms=2 * DAY_MS),
        ),
        installs_at=(0, 2 * DAY_MS),
        days_ago=3,
    ),
)
