"""People who stopped using an app and are brought back: the scorecard finds who did it."""

from tests.fakes.simulated import APP_ID
from tests.integration.simulator.landed import Landed, busy
from unmogrowp.rulesets import OURS
from unmogrowp.scorecard.score import score_market


def test_people_who_were_brought_back_are_counted_by_the_touch_that_did_it(tmp_path):
    market = busy()
    networks = tuple(
        one.model_copy(update={"retargeting_share": 0.8} if one.retargeting_campaign else {})
        for one in market.networks
    )
    is_on = OURS.reengagement.model_copy(update={"is_on": True})
    ruleset = OURS.model_copy(update={"ruleset_id": "returns", "reengagement": is_on})
    market = market.model_copy(update={"networks": networks})
    # Nobody comes back before eight days of silence.
    landed = Landed(tmp_path, market, days=14, users=500, ruleset=ruleset, since=8)
    brought_back = landed.truth["reengagements"].filter("is_delivered")
    assert brought_back.height > 10
    card = score_market(landed.house.warehouse, tmp_path, APP_ID, "returns")
    (score,) = [one for one in card.evidence if one.subject.startswith("brought back")]
    assert score.recall.total == brought_back.height
    assert score.recall.value > 0.9
    assert score.precision.value > 0.9
    assert not [text for text in card.absent if "re-engagements" in text]
