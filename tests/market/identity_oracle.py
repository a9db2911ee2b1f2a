"""Stitching in plain Python: the rules of unmogrowp.identity as one would explain them.

Slow, and independent of the engine's SQL and of numpy: sets, dictionaries and loops.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from tests.market.model import Event

Node = TypeVar("Node", int, tuple)  # anything that is ordered as it may give a name


def stitch_slowly(
    nodes: Iterable[Node], edges: Iterable[tuple[Node, Node]], limit: int
) -> tuple[dict[Node, Node], set[tuple[Node, str]]]:
    """Return the name of each node's component, and the cut nodes with the reason."""
    nodes = sorted(nodes)
    neighbours: dict[Node, set[Node]] = {node: set() for node in nodes}
    for left, right in edges:
        if left != right:
            neighbours[left].add(right)
            neighbours[right].add(left)
    cuts = {(node, "too_many_neighbours") for node in nodes if len(neighbours[node]) > limit}
    removed = {node for node, _ in cuts}
    while True:
        components = components_of(nodes, neighbours, removed)
        large = [one for one in components if len(one) > limit]
        if not large:
            break
        for component in large:
            shared = {node: len(neighbours[node] & component) for node in component}
            ranked = sorted(component, key=lambda node: (-shared[node], node))
            for node in ranked[: max(1, len(component) // (4 * limit))]:
                removed.add(node)
                cuts.add((node, "too_large_component"))
    names = {node: node for node in removed}
    for component in components:
        names.update(dict.fromkeys(component, min(component)))
    return names, cuts


def components_of(
    nodes: Iterable[Node], neighbours: Mapping[Node, set[Node]], removed: set[Node]
) -> list[set[Node]]:
    """Return the components that are left without the removed nodes, by union-find."""
    parent = {node: node for node in nodes if node not in removed}

    def root(node: Node) -> Node:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for node in parent:
        for other in neighbours[node]:
            if other in parent:
                parent[root(node)] = root(other)
    found: dict[Node, set[Node]] = defaultdict(set)
    for node in parent:
        found[root(node)].add(node)
    return list(found.values())


# --- the same from events

BLANK = {"null", "none", "nil", "undefined", "unknown"}
ATTACHING = ("user_id", "hashed_email")
RANK = {"idfv": 1, "android_id": 1, "device_id": 1, "idfa": 2, "gaid": 2, "anonymous_id": 3}


@dataclass(frozen=True)
class Identities:
    """Everything that follows from a set of events for one app."""

    # (identifier, kind, component, role, cut, first seen)
    rows: frozenset[tuple[str, str, str, str, str, int]]
    component_of: Mapping[str, str]


def identities_of(events: Iterable[Event], limit: int) -> Identities:
    """Stitch the events of one app."""
    links: dict[tuple[str, str, str], int] = {}
    for event in events:
        for kind, identifier in identifiers_of(event):
            key = (event.device_key, kind, identifier)
            links[key] = min(links.get(key, event.received), event.received)
    first_seen: dict[str, int] = {}
    rank: dict[str, int] = {}
    kinds: dict[tuple[str, str], int] = {}
    for (device, kind, identifier), seen in links.items():
        first_seen[device] = min(first_seen.get(device, seen), seen)
        if kind not in ATTACHING:
            first_seen[identifier] = min(first_seen.get(identifier, seen), seen)
            rank[identifier] = min(rank.get(identifier, 9), RANK.get(kind, 4))
            kinds[identifier, kind] = min(kinds.get((identifier, kind), seen), seen)
    order = {node: (first_seen[node], rank[node], node) for node in first_seen}
    names, cuts = stitch_slowly(
        order.values(),
        [(order[d], order[i]) for d, kind, i in links if kind not in ATTACHING],
        limit,
    )
    component_of = {node: names[order[node]][2] for node in order}
    reasons = {node[2]: reason for node, reason in cuts}
    rows = {
        (node, kind, component_of[node], "joined", reasons.get(node, ""), seen)
        for (node, kind), seen in kinds.items()
    }
    attached: dict[tuple[str, str, str, str, str], int] = {}

    def attach(node: str, kind: str, to: str, role: str, cut: str, seen: int) -> None:
        key = (node, kind, component_of[to], role, cut)
        attached[key] = min(attached.get(key, seen), seen)

    for (device, kind, identifier), seen in links.items():
        if kind in ATTACHING:
            attach(identifier, kind, device, "attached", "", seen)
        elif device != identifier:
            for node, to in ((identifier, device), (device, identifier)):
                if node in reasons and to not in reasons:
                    for name, of_kind in kinds:
                        if name == node:
                            attach(node, of_kind, to, "shared", reasons[node], seen)
    return Identities(
        frozenset(rows | {(*key, seen) for key, seen in attached.items()}), component_of
    )


def identifiers_of(event: Event) -> list[tuple[str, str]]:
    """Return what an event links to its device key."""
    user = event.user_id.strip(" ")
    anonymous = event.anonymous_id.strip(" ")
    usable = "" if anonymous == user or "@" in anonymous else free(anonymous)
    key = event.device_key
    named = [
        (kind, value)
        for kind, value in (
            ("idfv", event.idfv),
            ("android_id", event.android_id),
            ("device_id", event.device_id),
            ("idfa", event.idfa),
            ("gaid", event.gaid),
            ("anonymous_id", event.anonymous_id),
        )
        if value == key
    ]
    key_kind = named[0][0] if named else "device_id"
    if key.startswith("message:") or (key_kind == "anonymous_id" and not usable):
        return []
    device = event.context.get("device", {})
    found = [
        (key_kind, key),
        ("idfv", event.idfv),
        ("android_id", event.android_id),
        ("device_id", "" if event.idfv or event.android_id else event.device_id),
        ("idfa", event.idfa),
        ("gaid", event.gaid),
        ("anonymous_id", usable),
        ("oaid", device.get("oaid", "")),
        ("amazon_id", device.get("amazon_id", "")),
        ("install_id", device.get("installId", "")),
        ("user_id", "" if "@" in user else free(user)),
        ("hashed_email", hashed(user)),
        ("hashed_email", hashed(event.context.get("traits", {}).get("email", ""))),
        ("hashed_email", "" if event.event_name else hashed(event.properties.get("email", ""))),
    ]
    return [(kind, value) for kind, value in found if value]


def free(text: str) -> str:
    return "" if text.lower() in BLANK or not text.strip("0:._-") else text


def hashed(address: str) -> str:
    address = address.strip(" ").lower()
    return hashlib.sha256(address.encode()).hexdigest() if "@" in address else ""
