"""Lists of anonymising networks: data centres, VPNs, proxies, Tor exits.

Whole addresses are not kept, only their /24 (IPv6: /48). So a list is stored as ranges of such
prefixes, each with the share of it that the list covers: 1 for a data centre's /16, 1/256 for a
single listed address. No list comes with the project: licences and currency are the operator's.
"""

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import pyarrow as pa

from unmogrowp.clock import Clock, utc
from unmogrowp.errors import ConfigurationError
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.publish import staging_copy

TABLE = "audit.anonymous_networks"
Kind = Literal["datacenter", "vpn", "proxy", "tor"]
PREFIX_BITS = {4: 24, 6: 48}

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class CoveredRange:
    """Prefixes from the first to the last, both included, each covered by the same share."""

    family: int
    first_prefix: int
    last_prefix: int
    covered: float


def read_networks(lines: Iterable[str], name: str) -> list[Network]:
    """Return the networks of a list: one address or CIDR per line; `#` and `;` begin a comment.

    Raises:
        ConfigurationError: A line is neither; the message says which.
    """
    found: list[Network] = []
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].partition(";")[0].strip()
        if not text:
            continue
        try:
            found.append(ipaddress.ip_network(text, strict=False))
        except ValueError as error:
            raise ConfigurationError(
                f"{name}, line {number}: {text!r} is neither an address nor a network"
            ) from error
    return found


def covered_ranges(networks: Sequence[Network]) -> list[CoveredRange]:
    """Return which prefixes networks cover, and how much of each; ranges do not overlap."""
    wide: dict[int, list[tuple[int, int]]] = defaultdict(list)
    narrow: dict[tuple[int, int], Fraction] = defaultdict(Fraction)
    for family in (4, 6):
        bits = PREFIX_BITS[family]
        of_family = [one for one in networks if one.version == family]
        for one in ipaddress.collapse_addresses(of_family):  # type: ignore[type-var]
            size = one.max_prefixlen
            first = int(one.network_address) >> (size - bits)
            if one.prefixlen <= bits:
                wide[family].append((first, first + (1 << (bits - one.prefixlen)) - 1))
            else:
                narrow[family, first] += Fraction(1, 1 << (one.prefixlen - bits))
    ranges = [CoveredRange(family, *span, 1.0) for family in wide for span in wide[family]]
    ranges += [
        CoveredRange(family, prefix, prefix, float(share))
        for (family, prefix), share in narrow.items()
    ]
    return sorted(ranges, key=lambda one: (one.family, one.first_prefix))


def replace_list(
    warehouse: Warehouse, list_name: str, kind: Kind, ranges: Iterable[CoveredRange], clock: Clock
) -> int:
    """Put a list in the place of the one of that name; return its number of ranges.

    Installs decided before keep their verdicts until their day is built again.
    """
    rows = list(ranges)
    if not rows:
        warehouse.execute(
            f"ALTER TABLE {TABLE} DROP PARTITION {{name:String}}", {"name": list_name}
        )
        return 0
    with staging_copy(warehouse, TABLE) as staging:
        count = len(rows)
        warehouse.insert_arrow(
            staging,
            pa.table(
                {
                    "list_name": pa.array([list_name] * count),
                    "kind": pa.array([kind] * count),
                    "family": pa.array([one.family for one in rows], pa.uint8()),
                    "first_prefix": pa.array([one.first_prefix for one in rows], pa.uint64()),
                    "last_prefix": pa.array([one.last_prefix for one in rows], pa.uint64()),
                    "covered": pa.array([one.covered for one in rows], pa.float64()),
                    "loaded_at": pa.array(
                        [utc(clock.now_ms())] * count, pa.timestamp("ms", tz="UTC")
                    ),
                }
            ),
            token=staging,
        )
        warehouse.execute(
            f"ALTER TABLE {TABLE} REPLACE PARTITION {{name:String}} FROM {staging}",
            {"name": list_name},
        )
    return count
