"""What is known of the device behind an identifier, for people who ask with one in hand."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from unmogrowp.errors import PermanentError
from unmogrowp.identity.identifiers import IdentifierKind, normalise
from unmogrowp.warehouse.client import Warehouse

# A user id that everybody has is attached to every device; nobody reads more than this.
MOST_COMPONENTS = 100


@dataclass(frozen=True, slots=True)
class Member:
    """One identifier of a component; `role` is joined, attached or shared."""

    identifier: str
    kind: str
    role: str
    cut: str
    first_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Restatement:
    """A published install that moved; without `to_component` it is no install of its own now."""

    day: date
    install_id: str
    from_component: str
    from_ordinal: int
    to_component: str
    to_ordinal: int
    reason: str
    joined_by: Sequence[str]
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Device:
    """One component with its members, the first received first, and what it restated."""

    app_id: str
    component_key: str
    members: tuple[Member, ...]
    restatements: tuple[Restatement, ...]

    def as_json(self) -> dict[str, Any]:
        """Return plain values; instants in ISO 8601."""
        return dict(asdict(self))


def find_devices(warehouse: Warehouse, app_id: str, text: str) -> list[Device]:
    """Return the components that have an identifier, at most `MOST_COMPONENTS`, by name.

    Args:
        warehouse: Where the identities are.
        app_id: App; identifiers of two apps have nothing to do with each other.
        text: An identifier of any kind as somebody has it; an e-mail address is hashed first.

    Raises:
        PermanentError: No device of the app has it, or it is one that never matches.
    """
    forms = [(kind, form) for kind in IdentifierKind if (form := normalise(kind, text))]
    names = warehouse.named_rows(
        "identity/find_components",
        {
            "app_id": app_id,
            "kinds": [kind.value for kind, _ in forms],
            "identifiers": [form for _, form in forms],
            "limit": MOST_COMPONENTS,
        },
    )
    if not names:
        raise PermanentError(
            f"no device of {app_id} is known by this identifier; `unmogrowp app list` shows the"
            " apps, `unmogrowp sync` brings in what was sent a moment ago"
        )
    return [_device(warehouse, app_id, name) for (name,) in names]


def _device(warehouse: Warehouse, app_id: str, component_key: str) -> Device:
    params = {"app_id": app_id, "component_key": component_key}
    members = warehouse.named_rows("identity/component_rows", params)
    restated = warehouse.named_rows("identity/restatements_of_component", params)
    return Device(
        app_id,
        component_key,
        tuple(Member(*row) for row in members),
        tuple(Restatement(*row) for row in restated),
    )
