"""Create and disable apps; create and revoke their write keys. Every change is in the audit log."""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from unmogrowp.control.audit_log import record_act
from unmogrowp.control.key_hash import hash_key
from unmogrowp.control.tables import App, WriteKey
from unmogrowp.errors import PermanentError

# A key travels as the user name of Basic authentication: a colon would end it.
_KEY_FORM = re.compile(r"[\x21-\x39\x3b-\x7e]{8,200}")


class Refused(PermanentError):
    """The change is not allowed or names something that does not exist."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key in clear: shown once, kept nowhere."""

    app_id: str
    key_id: str
    write_key: str


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes the change, when, and the installation's pepper."""

    name: str
    now: datetime
    pepper: bytes


def create_app(
    session: Session,
    actor: Actor,
    name: str,
    *,
    bundle_id: str = "",
    write_key: str = "",
    is_strict: bool = False,
    keeps_addresses: bool = False,
) -> NewKey:
    """Create an app with its first key, taking `write_key` where one is brought from elsewhere.

    Raises:
        Refused: The name is blank, or the key is malformed or known already.
    """
    if not name.strip():
        raise Refused("an app needs a name")
    app = App(
        app_id=f"app_{secrets.token_hex(8)}",
        name=name.strip(),
        bundle_id=bundle_id.strip(),
        address_secret=secrets.token_hex(32),
        keeps_addresses=keeps_addresses,
        created_at=actor.now,
    )
    session.add(app)
    session.flush()
    _record(session, actor, "app.create", app.app_id, name=app.name, bundle_id=app.bundle_id)
    return create_key(session, actor, app.app_id, write_key=write_key, is_strict=is_strict)


def create_key(
    session: Session,
    actor: Actor,
    app_id: str,
    *,
    write_key: str = "",
    is_strict: bool = False,
) -> NewKey:
    """Give an app one more key; keys in use stay valid.

    Raises:
        Refused: No such app, or the key is malformed, known already, or another app's.
    """
    find_app(session, app_id)
    if write_key and not _KEY_FORM.fullmatch(write_key):
        raise Refused("a write key has 8 to 200 printable characters, no space and no colon")
    write_key = write_key or f"wk_{secrets.token_urlsafe(24)}"
    key_hash = hash_key(write_key, actor.pepper)
    known = session.scalar(select(WriteKey).where(WriteKey.key_hash == key_hash))
    if known is not None and known.app_id != app_id:
        raise Refused("this write key belongs to another app")
    if known is not None:
        state = "revoked" if known.revoked_at else "in use"
        raise Refused(f"this write key is known already, as {known.key_id} ({state})")
    key = WriteKey(
        key_id=f"key_{secrets.token_hex(6)}",
        app_id=app_id,
        key_hash=key_hash,
        hint=write_key[-4:],
        is_strict=is_strict,
        created_at=actor.now,
    )
    session.add(key)
    _record(session, actor, "key.create", key.key_id, app_id=app_id, is_strict=is_strict)
    return NewKey(app_id=app_id, key_id=key.key_id, write_key=write_key)


def revoke_key(session: Session, actor: Actor, key_id: str) -> WriteKey:
    """Revoke a key for ever; collectors refuse it within 5 seconds.

    Raises:
        Refused: No such key, or it is revoked already.
    """
    key = session.get(WriteKey, key_id)
    if key is None:
        raise Refused(f"there is no key {key_id}")
    if key.revoked_at is not None:
        raise Refused(f"{key_id} was revoked at {key.revoked_at:%Y-%m-%d %H:%M:%SZ}")
    key.revoked_at = actor.now
    _record(session, actor, "key.revoke", key_id, app_id=key.app_id)
    return key


def disable_app(session: Session, actor: Actor, app_id: str) -> App:
    """Refuse everything the app sends from now on; what was acknowledged is still landed."""
    app = find_app(session, app_id)
    if app.disabled_at is not None:
        raise Refused(f"{app_id} is disabled already")
    app.disabled_at = actor.now
    _record(session, actor, "app.disable", app_id)
    return app


def enable_app(session: Session, actor: Actor, app_id: str) -> App:
    """Take requests of a disabled app again."""
    app = find_app(session, app_id)
    if app.disabled_at is None:
        raise Refused(f"{app_id} is not disabled")
    app.disabled_at = None
    _record(session, actor, "app.enable", app_id)
    return app


def find_app(session: Session, app_id: str) -> App:
    """Return the app or refuse."""
    app = session.get(App, app_id)
    if app is None:
        raise Refused(f"there is no app {app_id}")
    return app


def list_apps(session: Session) -> list[App]:
    """Return all apps, oldest first."""
    return list(session.scalars(select(App).order_by(App.created_at, App.app_id)))


def list_keys(session: Session, app_id: str = "") -> list[WriteKey]:
    """Return all keys, or those of one app, oldest first."""
    query = select(WriteKey).order_by(WriteKey.created_at, WriteKey.key_id)
    if app_id:
        find_app(session, app_id)
        query = query.where(WriteKey.app_id == app_id)
    return list(session.scalars(query))


def _record(
    session: Session, actor: Actor, action: str, subject: str, **detail: str | bool
) -> None:
    record_act(session, actor=actor.name, at=actor.now, action=action, subject=subject, **detail)
