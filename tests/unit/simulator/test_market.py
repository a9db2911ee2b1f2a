"""Configurations that make no sense are refused where they are written."""

import pytest
from pydantic import ValidationError

from unmogrowp.errors import ConfigurationError
from unmogrowp.simulator.market import Fraud, Market
from unmogrowp.simulator.shapes import MATURE_APP, SHAPES, shape


def changed(**changes):
    return Market.model_validate({**MATURE_APP.model_dump(), **changes})


def network(**changes):
    return {**MATURE_APP.networks[0].model_dump(), **changes}


@pytest.mark.parametrize(
    "networks",
    [
        pytest.param([network(), network()], id="two networks of one name"),
        pytest.param([network(media_source='a"b')], id="a name that would break JSON"),
        pytest.param([network(media_source="a&b")], id="a name that would break a link"),
        pytest.param([network(publishers=[])], id="no publisher"),
        pytest.param(
            [network(publishers=[{"site_id": "s", "weight": 0}])], id="nobody shows honest ads"
        ),
        pytest.param(
            [
                network(
                    reports_touches=False,
                    publishers=[{"site_id": "s", "fraud": Fraud.CLICK_FLOODING, "intensity": 1}],
                )
            ],
            id="a cheat whose clicks nobody reports",
        ),
        pytest.param(
            [network(media_source=f"n{n}", publishers=[{"site_id": f"s{n}"}]) for n in range(11)],
            id="more channels than contributions can be summed over",
        ),
        pytest.param([network(click_effect=1.2)], id="a share above one"),
        pytest.param([network(unknown=1)], id="a field nobody reads"),
    ],
)
def test_a_market_that_makes_no_sense_is_refused(networks):
    with pytest.raises(ValidationError):
        changed(networks=networks)


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_survives_the_way_through_json(name):
    assert Market.model_validate_json(shape(name).model_dump_json()) == shape(name)


def test_an_unknown_shape_names_the_known_ones():
    with pytest.raises(ConfigurationError, match="mature_app, fraud_heavy_launch"):
        shape("no_such")


def test_the_fraud_heavy_shape_has_every_kind_of_fraud():
    kinds = {
        publisher.fraud
        for one in shape("fraud_heavy_launch").networks
        for publisher in one.publishers
    }
    assert kinds == {None, *Fraud}
