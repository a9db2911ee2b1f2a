"""Every suite by the table it is about."""

from assets.checks import (
    attribution,
    audits,
    collectors,
    credit,
    fraud,
    identity,
    installs,
    landing,
    openings,
    quality,
    scorecard,
)
from assets.checks.expectation import Suite

SUITES: dict[str, Suite] = {
    suite.table: suite
    for module in (
        landing,
        collectors,
        identity,
        installs,
        openings,
        attribution,
        credit,
        fraud,
        audits,
        quality,
        scorecard,
    )
    for suite in module.SUITES
}
