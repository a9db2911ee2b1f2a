"""What a made-up market is: who lives there, who advertises, who cheats. Data, nothing else.

Every number a test or a scorecard compares with stands here, with its unit in its name. Shares lie
in [0, 1]; rates are per person, device or install and day, as their names say. Names are limited
to plain characters, because they are written into URLs and JSON as they are.
"""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Rate = Annotated[float, Field(ge=0.0)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
# True contributions are summed over every set of channels: 2 to the power of this many.
MAX_NETWORKS = 10


class Fraud(StrEnum):
    """How a publisher cheats; the value stands in the truth."""

    CLICK_INJECTION = "click_injection"
    CLICK_FLOODING = "click_flooding"
    CLICK_STACKING = "click_stacking"
    CLICK_HAMMERING = "click_hammering"
    DEVICE_FARM = "device_farm"
    SDK_SPOOFING = "sdk_spoofing"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Country(_Part):
    """Where people live; `euro_rate` is what one unit of the currency is worth in euros."""

    code: str = Field(pattern=r"^[A-Z]{2}$")
    weight: Rate
    utc_offset_minutes: int = Field(ge=-12 * 60, le=14 * 60)
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    euro_rate: float = Field(gt=0.0)
    language: str = Field(pattern=r"^[a-z]{2}$")


class Population(_Part):
    """People and their devices."""

    android_share: Share = 0.62
    att_allowed_share: Share = Field(0.28, description="iOS devices that show their IDFA")
    lat_share: Share = Field(0.14, description="Android devices that hide their advertising id")
    second_device_share: Share = Field(0.12, description="people with a second device")
    second_install_share: Share = Field(0.4, description="of them, who install on it as well")
    shared_device_share: Share = Field(0.02, description="installs a second person signs in on")
    household_size: float = Field(2.1, ge=1.0, description="people behind one address")
    countries: tuple[Country, ...] = Field(min_length=1)


class Publisher(_Part):
    """A site or app that shows a network's ads; cheats where `fraud` says how.

    `weight` is its part of the network's honest traffic (0: only cheats). `intensity` is what the
    fraud does: injection: share of real Android installs it claims; flooding: clicks per device
    and day; stacking and hammering: clusters of clicks per device and day; device farm and SDK
    spoofing: made-up installs per 1,000 people and day.
    """

    site_id: Name
    weight: Rate = 1.0
    fraud: Fraud | None = None
    intensity: Rate = 0.0


class Network(_Part):
    """A channel: what it shows to whom, what that changes, and what it tells us.

    `click_effect` and `view_effect` are the chances that one click or impression by itself makes
    the person install; that is the data-generating contribution the truth is computed from.
    """

    media_source: Name
    campaigns: tuple[Name, ...] = Field(min_length=1)
    publishers: tuple[Publisher, ...] = Field(min_length=1)
    android_weight: Rate = Field(1.0, description="part of the exposures of people with Android")
    ios_weight: Rate = Field(1.0, description="part of the exposures of people with iOS")
    click_through_share: Share = Field(0.12, description="exposures that are clicks")
    click_effect: Share = 0.10
    view_effect: Share = 0.004
    quality: float = Field(1.0, gt=0.0, description="factor on retention and revenue of its users")
    reports_touches: bool = Field(True, description="False: owned media, known by referrer only")
    device_id_share: Share = Field(0.8, description="touches that carry a visible advertising id")
    click_id_share: Share = Field(0.85, description="Android clicks whose id passes the store")
    ios_click_id_share: Share = Field(0.15, description="iOS clicks whose id comes by a deep link")
    macro_share: Share = Field(0.0, description="touches whose click id is an unexpanded macro")
    retargeting_campaign: str = Field("", pattern=r"^[A-Za-z0-9_.-]{0,62}$")
    retargeting_share: Share = Field(0.0, description="quiet users it brings back by a click")
    reminder_share: Share = Field(
        0.0, description="reinstalls it shows a retargeting click before; they would come anyway"
    )
    posts_batches: bool = Field(False, description="reports by server in batches, not per link")
    cost_per_click: Rate = 0.15
    cost_per_mille: Rate = 2.0
    cost_per_install: Rate = Field(
        0.0, description="paid for an install a touch wins, and nothing per click or view; 0: not"
    )
    cost_currency: str = Field("EUR", pattern=r"^[A-Z]{3}$")
    ad_network_id: str = Field("", pattern=r"^[a-z0-9.]{0,40}$", description="SKAdNetwork id")


class Behaviour(_Part):
    """What people do without and after an ad."""

    exposures_per_person_day: Rate = 0.10
    exposure_spread: float = Field(0.8, ge=0.0, description="sigma of the log of a person's rate")
    organic_installs_per_person_day: Rate = 0.004
    synergy: Rate = Field(0.5, description="each earlier channel raises an effect by this factor")
    synergy_cap: int = Field(3, ge=0, description="earlier exposures that still raise it")
    shown_after_install_share: Share = Field(0.2, description="ads that no suppression list stops")
    quick_open_share: Share = Field(0.8, description="first opens right after the download")
    retention_day_one: Share = 0.34
    retention_decay: float = Field(0.65, ge=0.0, description="share active on day d: r1 * d^-decay")
    sessions_per_active_day: float = Field(1.5, ge=1.0)
    sign_up_share: Share = 0.35
    payer_share: Share = Field(0.06, description="sessions of a day with a purchase")
    ad_revenue_share: Share = Field(0.35, description="sessions that show a paid ad")
    reinstall_share: Share = Field(0.05, description="installs removed and installed again")
    idfv_reset_share: Share = Field(0.7, description="iOS reinstalls that get a new vendor id")


class Delivery(_Part):
    """What happens between a phone or a network and the collector."""

    duplicate_share: Share = Field(0.015, description="requests sent again after a lost answer")
    late_share: Share = Field(0.05, description="requests that wait for a connection")
    late_hours: Rate = Field(9.0, description="mean wait of the late ones")
    touch_late_share: Share = Field(0.01, description="touches a network reports hours later")
    touch_batch_seconds: int = Field(60, ge=1)
    touch_batch_items: int = Field(100, ge=1, le=2_000)
    skewed_share: Share = Field(0.08, description="phones whose clock is minutes off")
    broken_clock_share: Share = Field(0.01, description="phones whose clock is days or years off")
    local_time_share: Share = Field(0.3, description="phones that write local time with offset")
    without_referrer_share: Share = Field(0.06, description="Android SDKs too old for the referrer")


class Market(_Part):
    """A whole market of one app."""

    shape: Name
    description: str
    bundle_id: str = Field("com.example.runner", pattern=r"^[A-Za-z0-9.]{1,80}$")
    app_store_id: int = Field(525463029, ge=1)
    population: Population
    networks: tuple[Network, ...] = Field(min_length=1, max_length=MAX_NETWORKS)
    behaviour: Behaviour = Behaviour()
    delivery: Delivery = Delivery()

    @model_validator(mode="after")
    def _names_are_unambiguous(self) -> Self:
        sources = [network.media_source for network in self.networks]
        if len(set(sources)) != len(sources):
            raise ValueError("two networks have the same media_source")
        sites = [site.site_id for network in self.networks for site in network.publishers]
        if len(set(sites)) != len(sites):
            raise ValueError("two publishers have the same site_id")
        for network in self.networks:
            cheats = [site for site in network.publishers if site.fraud]
            if cheats and not network.reports_touches:
                raise ValueError(f"{network.media_source} reports no touches, yet has a cheat")
            if sum(site.weight for site in network.publishers) <= 0 and (
                network.android_weight + network.ios_weight > 0
            ):
                raise ValueError(f"{network.media_source} has no publisher for honest traffic")
        return self

    @property
    def channels(self) -> tuple[str, ...]:
        """Return the media sources, in the order of the networks."""
        return tuple(network.media_source for network in self.networks)
