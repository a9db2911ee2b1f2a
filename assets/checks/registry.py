"""Every suite by the table it is about."""

from assets.checks import attribution, audits, collectors, installs, landing, quality
from assets.checks.expectation import Suite

SUITES: dict[str, Suite] = {
    suite.table: suite
    for module in (landing, collectors, installs, attribution, audits, quality)
    for suite in module.SUITES
}
