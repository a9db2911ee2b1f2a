"""Writes what networks send: tracking links and batches of touches, a line per request (`wire`)."""

import polars as pl

from unmogrowp.simulator.market import Market
from unmogrowp.simulator.wire import headers, iso

# Fields of a touch in the order they are written; '' means that the network does not send it.
TOUCH_FIELDS = (
    "media_source", "campaign", "campaign_id", "adset", "site_id", "sub_site_id", "click_id",
    "touch_at", "idfa", "gaid", "ip", "user_agent", "cost_model", "cost_value", "cost_currency",
    "is_retargeting", "country",
)  # fmt: skip


def touch_fields(
    market: Market, touches: pl.DataFrame, devices: pl.DataFrame, numbers: pl.Series
) -> pl.DataFrame:
    """Return the columns of `TOUCH_FIELDS` as text, and touch_type; `numbers` are the touches'."""
    device = devices[touches["device"]].select(
        "platform", "advertising_id", "ip", "user_agent", device_country="country_code"
    )
    networks = pl.DataFrame(
        [
            {
                "network": number,
                "media_source": one.media_source,
                "by_batch": one.posts_batches,
                "click_cost": _amount(one.cost_per_click),
                "view_cost": _amount(one.cost_per_mille / 1000),
                "install_cost": _amount(one.cost_per_install),
                "cost_currency": one.cost_currency,
            }
            for number, one in enumerate(market.networks)
        ]
    )
    campaigns = pl.DataFrame(
        [
            {"network": number, "campaign": place, "campaign_name": name}
            for number, one in enumerate(market.networks)
            for place, name in (*enumerate(one.campaigns), (-1, one.retargeting_campaign))
        ]
    )
    sites = {
        number: site.site_id
        for number, site in enumerate(s for one in market.networks for s in one.publishers)
    }
    frame = pl.concat([touches.with_columns(number=numbers), device], how="horizontal")
    frame = frame.join(networks, on="network", how="left", maintain_order="left")
    frame = frame.join(campaigns, on=["network", "campaign"], how="left", maintain_order="left")
    shows = pl.col("shows_device")
    is_ios = pl.col("platform") == "ios"
    # Servers report the address of the person; with a link the person comes along. A touch
    # without a usable click id is known by all its fields, addresses as they are stored included.
    names_person = pl.col("by_batch") & (pl.col("usable_click_id") != "")
    nothing = pl.lit("")
    pays_per_install = pl.col("install_cost") != "0"
    return frame.select(
        "media_source",
        touch_type=pl.when("is_click").then(pl.lit("click")).otherwise(pl.lit("impression")),
        campaign="campaign_name",
        campaign_id=pl.format("c{}{}", pl.col("network"), pl.col("campaign") + 1),
        adset=pl.format("{}_set{}", "campaign_name", pl.col("device") % 2),
        site_id=pl.col("site").replace_strict(sites, return_dtype=pl.String),
        sub_site_id=pl.format("slot{}", pl.col("number") % 9),
        click_id="click_id",
        touch_at=pl.when(pl.col("network") % 2 == 1)
        .then(iso(pl.col("at")) + "Z")
        .otherwise(pl.col("at").cast(pl.String)),
        idfa=pl.when(shows & is_ios).then("advertising_id").otherwise(nothing),
        gaid=pl.when(shows & ~is_ios).then("advertising_id").otherwise(nothing),
        ip=pl.when(names_person).then("ip").otherwise(nothing),
        user_agent=pl.when(names_person).then("user_agent").otherwise(nothing),
        cost_model=pl.when(pays_per_install)
        .then(pl.lit("cpi"))
        .when("is_click")
        .then(pl.lit("cpc"))
        .otherwise(pl.lit("cpm")),
        cost_value=pl.when(pays_per_install)
        .then("install_cost")
        .when("is_click")
        .then("click_cost")
        .otherwise("view_cost"),
        cost_currency="cost_currency",
        is_retargeting=pl.when("is_retargeting").then(pl.lit("true")).otherwise(nothing),
        country=pl.when(pl.col("country_code") == "")
        .then("device_country")
        .otherwise("country_code"),
    )


def _amount(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def touch_lines(requests: pl.DataFrame, fields: pl.DataFrame) -> pl.DataFrame:
    """Return (place, line) of networks' requests.

    Args:
        requests: place, request, is_batch, arrives_at, media_source.
        fields: request, the columns of `touch_fields`, connection_ip, connection_user_agent;
            in the order in which they are sent.
    """
    as_json = pl.concat_str(
        pl.lit('{"media_source":"'),
        "media_source",
        *(_unless_empty(name, f'","{name}":"') for name in TOUCH_FIELDS[1:]),
        pl.lit('"}'),
    )
    macro = pl.when(pl.col("click_id") == "{click_id}").then(pl.lit("%7Bclick_id%7D"))
    as_link = pl.concat_str(
        pl.lit("&media_source="),
        "media_source",
        *(_unless_empty(name, f"&{name}=") for name in TOUCH_FIELDS[1:]),
    )
    rendered = fields.with_columns(
        item=as_json,
        link=fields.with_columns(click_id=macro.otherwise("click_id")).select(as_link).to_series(),
    )
    grouped = rendered.group_by("request", maintain_order=True).agg(
        pl.col("item").str.join(","),
        pl.col("link", "touch_type").first(),
        ip=pl.col("connection_ip").first(),
        user_agent=pl.col("connection_user_agent").first(),
    )
    joined = requests.join(grouped, on="request", how="left", maintain_order="left")
    start = [pl.lit('{"at":'), pl.col("arrives_at")]
    path = [pl.lit('"/v1/'), pl.col("touch_type"), pl.lit("?app_id={app_id}")]
    posted = pl.concat_str(
        *start,
        pl.lit(',"method":"POST","path":'),
        *path,
        pl.lit('","headers":{"Content-Type":"application/json","User-Agent":"'),
        "media_source",
        pl.lit('/1.0"},"body":{"batch":['),
        "item",
        pl.lit("]}}"),
    )
    linked = pl.concat_str(
        *start,
        pl.lit(',"method":"GET","path":'),
        *path,
        "link",
        pl.lit('","headers":'),
        headers(""),
        pl.lit("}"),
    )
    return joined.select("place", line=pl.when("is_batch").then(posted).otherwise(linked))


def _unless_empty(name: str, prefix: str) -> pl.Expr:
    return (
        pl.when(pl.col(name) == "").then(pl.lit("")).otherwise(pl.concat_str(pl.lit(prefix), name))
    )
