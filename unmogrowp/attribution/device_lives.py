"""The components of some devices and the installs of their whole lives, in scratch tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from unmogrowp.attribution import scratch
from unmogrowp.warehouse import named_queries
from unmogrowp.warehouse.client import Warehouse


@contextmanager
def lives_of(
    warehouse: Warehouse, devices: str, first_day: date, last_day: date
) -> Iterator[tuple[str, str]]:
    """Give two tables: all device keys of the components, and their installs of some days.

    Args:
        warehouse: Where clean.events and the components are.
        devices: Table made by `scratch.devices`, of device keys or of components.
        first_day: First UTC day of the installs that are kept; earlier ones are counted only.
        last_day: Last UTC day of the installs.
    """
    with (
        scratch.components(warehouse) as components,
        scratch.kept_installs(warehouse) as kept,
    ):
        warehouse.execute(
            f"INSERT INTO {components} {named_queries.load('mart/device_components')}",
            {"devices": scratch.bare(devices)},
        )
        warehouse.execute(
            f"INSERT INTO {kept} {named_queries.load('mart/kept_installs')}",
            {"first_day": first_day, "last_day": last_day, "devices": scratch.bare(components)},
        )
        yield components, kept
