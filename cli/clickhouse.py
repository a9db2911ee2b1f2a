"""The connection of commands to the warehouse, without what other commands import for theirs."""

from unmogrowp.errors import ConfigurationError
from unmogrowp.settings import Settings
from unmogrowp.warehouse.client import Warehouse


def connect(settings: Settings, *, as_analyst: bool = False) -> Warehouse:
    """Connect to the warehouse of the settings.

    Raises:
        ConfigurationError: No warehouse is known: nothing was started and no URL is set.
    """
    clickhouse = settings.clickhouse
    if not clickhouse.url:
        raise ConfigurationError(
            "no warehouse is known: start the stack with `unmogrowp up`, or set"
            " UNMOGROWP_CLICKHOUSE__URL"
        )
    if as_analyst:
        return Warehouse.connect(
            clickhouse.url,
            clickhouse.analyst_user,
            clickhouse.analyst_password.get_secret_value(),
            read_only=True,
        )
    return Warehouse.connect(
        clickhouse.url, clickhouse.user, clickhouse.password.get_secret_value()
    )
