"""Markets that come with the project, by the name that `--shape` takes.

The numbers are assumptions of ours in the ranges the field reports, not measurements of anybody's
market; docs/simulator.md says which of them matter and how to bring your own.
"""

from unmogrowp.errors import ConfigurationError
from unmogrowp.simulator.market import (
    Behaviour,
    Country,
    Delivery,
    Fraud,
    Market,
    Network,
    Population,
    Publisher,
)

# Code, weight, minutes from UTC, currency, its worth in euros, language.
_COUNTRIES: tuple[tuple[str, float, int, str, float, str], ...] = (
    ("US", 30, -300, "USD", 0.9, "en"),
    ("DE", 18, 60, "EUR", 1.0, "de"),
    ("GB", 12, 0, "GBP", 1.15, "en"),
    ("BR", 14, -180, "BRL", 0.16, "pt"),
    ("IN", 14, 330, "INR", 0.011, "en"),
    ("JP", 8, 540, "JPY", 0.006, "ja"),
    ("KW", 4, 180, "KWD", 3.0, "ar"),
)
COUNTRIES = tuple(
    Country(
        code=code,
        weight=weight,
        utc_offset_minutes=offset,
        currency=currency,
        euro_rate=rate,
        language=language,
    )
    for code, weight, offset, currency, rate, language in _COUNTRIES
)

# In both markets: what a large network of search and feeds is like.
NORTHSTAR = Network(
    media_source="northstar_ads",
    campaigns=("spring_runners", "lookalike_eu", "brand_terms"),
    publishers=(
        Publisher(site_id="ns_search", weight=5),
        Publisher(site_id="ns_feed", weight=4),
        Publisher(site_id="ns_stories", weight=2),
    ),
    android_weight=4,
    ios_weight=4,
    click_through_share=0.25,
    click_effect=0.12,
    click_id_share=0.95,
    quality=1.3,
    cost_per_click=0.42,
    retargeting_campaign="come_back",
    retargeting_share=0.06,
    ad_network_id="northstar12.skadnetwork",
)

MATURE_APP = Market(
    shape="mature_app",
    description=(
        "An app of some years: half of its installs are organic, advertising is spread over five"
        " networks, few publishers cheat"
    ),
    population=Population(countries=COUNTRIES),
    networks=(
        NORTHSTAR,
        Network(
            media_source="pixelhouse",
            campaigns=("video_rewarded", "playables"),
            publishers=(
                Publisher(site_id="ph_puzzle", weight=3),
                Publisher(site_id="ph_racing", weight=3),
                Publisher(
                    site_id="ph_wallpapers", weight=0.3, fraud=Fraud.CLICK_FLOODING, intensity=0.02
                ),
            ),
            android_weight=3,
            ios_weight=2,
            click_effect=0.07,
            view_effect=0.006,
            posts_batches=True,
            cost_per_click=0.11,
            ad_network_id="pixel9house.skadnetwork",
        ),
        Network(
            media_source="glow_media",
            campaigns=("display_always_on", "native_q3"),
            publishers=(
                Publisher(site_id="gm_news", weight=4),
                Publisher(site_id="gm_weather", weight=2),
                Publisher(
                    site_id="gm_cleaner", weight=0.2, fraud=Fraud.CLICK_INJECTION, intensity=0.012
                ),
            ),
            android_weight=3,
            ios_weight=1,
            click_through_share=0.05,
            click_effect=0.05,
            view_effect=0.003,
            posts_batches=True,
            macro_share=0.02,
            quality=0.8,
            cost_per_mille=1.1,
            ad_network_id="glow.skadnetwork",
        ),
        Network(
            media_source="tandem_social",
            campaigns=("creators", "carousel"),
            publishers=(Publisher(site_id="ts_clips"), Publisher(site_id="ts_friends")),
            android_weight=2,
            ios_weight=3,
            click_through_share=0.08,
            click_effect=0.09,
            view_effect=0.010,
            device_id_share=0.6,
            quality=1.1,
            retargeting_campaign="win_back",
            retargeting_share=0.03,
            cost_per_click=0.33,
            ad_network_id="tandem77.skadnetwork",
        ),
        Network(
            media_source="newsletter",
            campaigns=("weekly", "launch_mail"),
            publishers=(Publisher(site_id="own_mail"),),
            android_weight=0.2,
            ios_weight=0.2,
            click_through_share=1.0,
            click_effect=0.14,
            view_effect=0.0,
            reports_touches=False,
            quality=1.6,
            cost_per_click=0.0,
            cost_per_mille=0.0,
        ),
    ),
    behaviour=Behaviour(),
)

FRAUD_HEAVY_LAUNCH = Market(
    shape="fraud_heavy_launch",
    description=(
        "The first weeks of an app that buys cheap volume: few organic installs, six networks, and"
        " publishers of every kind of fraud"
    ),
    population=Population(countries=COUNTRIES, android_share=0.8, lat_share=0.10),
    networks=(
        NORTHSTAR.model_copy(
            update={
                "campaigns": ("launch_search", "launch_feed"),
                "publishers": NORTHSTAR.publishers[:2],
                "android_weight": 2.0,
                "click_effect": 0.13,
                "quality": 1.2,
                "cost_per_click": 0.55,
                "retargeting_share": 0.04,
            }
        ),
        Network(
            media_source="bargain_clicks",
            campaigns=("cpi_tier1", "cpi_world"),
            publishers=(
                Publisher(site_id="bc_games", weight=3),
                Publisher(
                    site_id="bc_ringtones", weight=0.5, fraud=Fraud.CLICK_FLOODING, intensity=0.08
                ),
                Publisher(
                    site_id="bc_torch", weight=0.5, fraud=Fraud.CLICK_FLOODING, intensity=0.03
                ),
            ),
            android_weight=3,
            click_effect=0.06,
            posts_batches=True,
            quality=0.8,
            cost_per_click=0.05,
            ad_network_id="bargain5.skadnetwork",
        ),
        Network(
            media_source="swift_apps",
            campaigns=("android_burst",),
            publishers=(
                Publisher(site_id="sa_arcade", weight=3),
                Publisher(
                    site_id="sa_battery", weight=0.3, fraud=Fraud.CLICK_INJECTION, intensity=0.06
                ),
                Publisher(
                    site_id="sa_vpn", weight=0.2, fraud=Fraud.CLICK_INJECTION, intensity=0.03
                ),
            ),
            android_weight=3,
            ios_weight=0.5,
            click_effect=0.07,
            cost_per_click=0.07,
        ),
        Network(
            media_source="mosaic_display",
            campaigns=("banner_world", "interstitials"),
            publishers=(
                Publisher(site_id="md_recipes", weight=3),
                Publisher(
                    site_id="md_popunder", weight=0.5, fraud=Fraud.CLICK_STACKING, intensity=0.006
                ),
                Publisher(
                    site_id="md_autoplay", weight=0.2, fraud=Fraud.CLICK_HAMMERING, intensity=0.0008
                ),
            ),
            android_weight=2,
            click_through_share=0.06,
            click_effect=0.05,
            view_effect=0.003,
            posts_batches=True,
            macro_share=0.03,
            cost_per_mille=0.7,
        ),
        Network(
            media_source="volume_house",
            campaigns=("scale_now",),
            publishers=(
                Publisher(site_id="vh_quiz", weight=2),
                Publisher(site_id="vh_rewards", weight=0.2, fraud=Fraud.DEVICE_FARM, intensity=5.0),
                Publisher(site_id="vh_boost", weight=0.1, fraud=Fraud.SDK_SPOOFING, intensity=1.0),
            ),
            android_weight=2,
            click_effect=0.06,
            quality=0.9,
            cost_per_click=0.06,
            ad_network_id="volume0.skadnetwork",
        ),
        Network(
            media_source="influencer_links",
            campaigns=("launch_creators",),
            publishers=(Publisher(site_id="il_creators"),),
            android_weight=0.2,
            ios_weight=0.4,
            click_through_share=1.0,
            click_effect=0.16,
            view_effect=0.0,
            reports_touches=False,
            quality=1.4,
            cost_per_click=0.0,
            cost_per_mille=0.0,
        ),
    ),
    behaviour=Behaviour(
        exposures_per_person_day=0.16,
        organic_installs_per_person_day=0.0015,
        retention_day_one=0.27,
        retention_decay=0.8,
        payer_share=0.04,
    ),
    delivery=Delivery(late_share=0.08, skewed_share=0.10),
)

SHAPES = {market.shape: market for market in (MATURE_APP, FRAUD_HEAVY_LAUNCH)}


def shape(name: str) -> Market:
    """Return a market by name.

    Raises:
        ConfigurationError: There is none of that name.
    """
    try:
        return SHAPES[name]
    except KeyError:
        known = ", ".join(SHAPES)
        raise ConfigurationError(f"there is no market shape {name!r}; known: {known}") from None
