"""Lists of networks as shares of the prefixes that are kept."""

import ipaddress
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmogrowp.errors import ConfigurationError
from unmogrowp.fraud.networks import CoveredRange, covered_ranges, read_networks

V4 = 203 * 65536 + 0 * 256 + 113  # 203.0.113.0/24


def ranges_of(*lines: str) -> list[CoveredRange]:
    return covered_ranges(read_networks(lines, "list"))


def test_a_network_of_a_prefix_covers_it():
    assert ranges_of("203.0.113.0/24") == [CoveredRange(4, V4, V4, 1.0)]


def test_a_wide_network_covers_all_its_prefixes():
    assert ranges_of("203.0.112.0/22") == [CoveredRange(4, V4 - 1, V4 + 2, 1.0)]


def test_single_addresses_cover_their_share_once():
    assert ranges_of("203.0.113.7", "203.0.113.9", "203.0.113.7/32") == [
        CoveredRange(4, V4, V4, 2 / 256)
    ]


def test_an_address_inside_a_listed_network_adds_nothing():
    assert ranges_of("203.0.113.0/24", "203.0.113.7") == [CoveredRange(4, V4, V4, 1.0)]


def test_narrow_networks_that_fill_a_prefix_cover_it():
    assert ranges_of("203.0.113.0/25", "203.0.113.128/25") == [CoveredRange(4, V4, V4, 1.0)]


def test_ipv6_is_kept_as_48():
    prefix = int(ipaddress.ip_address("2001:db8:1::")) >> 80
    assert ranges_of("2001:db8:1::/48", "2001:db8:2:3::/64") == [
        CoveredRange(6, prefix, prefix, 1.0),
        CoveredRange(6, prefix + 1, prefix + 1, 1 / 65536),
    ]


def test_comments_and_blank_lines_are_no_networks():
    assert read_networks(["# list", "", " 192.0.2.1 # exit", "; old"], "l") == [
        ipaddress.ip_network("192.0.2.1")
    ]


def test_a_line_that_is_no_network_is_named():
    with pytest.raises(ConfigurationError, match=r"tor\.txt, line 2: 'exit' is neither"):
        read_networks(["192.0.2.1", "exit"], "tor.txt")


cidrs = st.lists(
    st.tuples(st.integers(0, 0xFFFF), st.integers(22, 32)).map(
        lambda pair: ipaddress.ip_network((0xC0000000 + pair[0], pair[1]), strict=False)
    ),
    max_size=8,
)


@given(cidrs)
def test_ranges_do_not_overlap_and_cover_exactly_the_listed_addresses(networks):
    ranges = covered_ranges(networks)
    for one, following in itertools.pairwise(ranges):
        assert one.last_prefix < following.first_prefix
    listed = {int(address) for network in networks for address in range(
        int(network.network_address), int(network.broadcast_address) + 1)}  # fmt: skip
    covered = sum((one.last_prefix - one.first_prefix + 1) * one.covered * 256 for one in ranges)
    assert covered == pytest.approx(len(listed))
