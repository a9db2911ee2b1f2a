"""Who may send: a snapshot of apps and write keys, in memory and on disk.

The collector asks PostgreSQL for one number every two seconds and reads the tables only when it
moved. While PostgreSQL is away it serves from what it knows, also after a restart: the snapshot
on disk (mode 0600, it holds the apps' address secrets) is as good as the last answer.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from sqlalchemy import Engine, select

from unmogrowp.control.database import session
from unmogrowp.control.key_hash import hash_key
from unmogrowp.control.tables import App, RegistryVersion, WriteKey
from unmogrowp.errors import ControlUnavailable

logger = logging.getLogger(__name__)

LEAST_INTERVAL_SECONDS = 0.2


class AppEntry(msgspec.Struct, frozen=True, gc=False):
    """What the collector needs of an app."""

    app_id: str
    address_secret: str
    keeps_addresses: bool = False
    is_disabled: bool = False


class KeyEntry(msgspec.Struct, frozen=True, gc=False):
    """What the collector needs of a write key."""

    key_id: str
    key_hash: str
    app_id: str
    is_strict: bool = False
    is_revoked: bool = False


class Snapshot(msgspec.Struct, frozen=True):
    """Both tables at one version."""

    version: int
    apps: list[AppEntry]
    keys: list[KeyEntry]


class Sender(msgspec.Struct, frozen=True, eq=False):
    """An authenticated sender; `key_id` is '' for touches, which name only their app."""

    app_id: str
    key_id: str
    is_strict: bool
    keeps_addresses: bool
    address_secret: bytes


class KeyRing:
    """Looks senders up; `replace` swaps the whole snapshot at once."""

    def __init__(self, pepper: bytes, snapshot: Snapshot | None = None) -> None:
        self._pepper = pepper
        self._by_hash: dict[str, Sender] = {}
        self._by_app: dict[str, Sender] = {}
        self._known: dict[str, Sender] = {}
        self.version = -1
        if snapshot is not None:
            self.replace(snapshot)

    @property
    def is_loaded(self) -> bool:
        """Say whether any snapshot was ever read: without one nobody can be refused fairly."""
        return self.version >= 0

    def replace(self, snapshot: Snapshot) -> None:
        """Use another snapshot from now on."""
        apps = {app.app_id: app for app in snapshot.apps if not app.is_disabled}
        by_hash = {}
        for key in snapshot.keys:
            app = apps.get(key.app_id)
            if app is not None and not key.is_revoked:
                by_hash[key.key_hash] = _sender(app, key.key_id, is_strict=key.is_strict)
        self._by_hash = by_hash
        self._by_app = {name: _sender(app, "", is_strict=False) for name, app in apps.items()}
        self._known = {}
        self.version = snapshot.version

    def of_key(self, write_key: str) -> Sender | None:
        """Return whose key it is; None for one that is unknown, revoked or of a disabled app."""
        found = self._known.get(write_key)
        if found is None:
            found = self._by_hash.get(hash_key(write_key, self._pepper))
            if found is not None:
                self._known[write_key] = found  # only good keys: their number is bounded
        return found

    def of_app(self, app_id: str) -> Sender | None:
        """Return the app as sender of touches; None for one that is unknown or disabled."""
        return self._by_app.get(app_id)


def _sender(app: AppEntry, key_id: str, *, is_strict: bool) -> Sender:
    return Sender(
        app_id=app.app_id,
        key_id=key_id,
        is_strict=is_strict,
        keeps_addresses=app.keeps_addresses,
        address_secret=bytes.fromhex(app.address_secret),
    )


def read_snapshot_file(file: Path) -> Snapshot | None:
    """Return the snapshot on disk, or None when there is none that can be read."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Snapshot)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        logger.warning("%s cannot be used: %s", file.name, type(error).__name__)
        return None


def write_snapshot_file(file: Path, snapshot: Snapshot) -> None:
    """Write the snapshot, whole or not at all, for this user's eyes only."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(msgspec.json.encode(snapshot))
        opened.flush()
        os.fsync(opened.fileno())
    draft.rename(file)


def read_registry(engine: Engine, known_version: int) -> Snapshot | None:
    """Return both tables if their version is another than the known one, else None.

    Raises:
        ControlUnavailable: PostgreSQL cannot be reached.
    """
    with session(engine) as opened:
        version = opened.scalar(select(RegistryVersion.version))
        if version is None or version == known_version:
            return None
    with session(engine) as opened:
        opened.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        version = opened.scalars(select(RegistryVersion.version)).one()
        apps = [
            AppEntry(
                app_id=app.app_id,
                address_secret=app.address_secret,
                keeps_addresses=app.keeps_addresses,
                is_disabled=app.disabled_at is not None,
            )
            for app in opened.scalars(select(App))
        ]
        keys = [
            KeyEntry(
                key_id=key.key_id,
                key_hash=key.key_hash,
                app_id=key.app_id,
                is_strict=key.is_strict,
                is_revoked=key.revoked_at is not None,
            )
            for key in opened.scalars(select(WriteKey))
        ]
    return Snapshot(version=version, apps=apps, keys=keys)


class KeyRefresher:
    """Keeps a key ring fresh from a thread of its own."""

    def __init__(
        self,
        ring: KeyRing,
        read: Callable[[int], Snapshot | None],
        file: Path,
        interval_seconds: float,
    ) -> None:
        self._ring = ring
        self._read = read
        self._file = file
        self._interval = interval_seconds
        self._wake = threading.Event()
        self._closing = False
        self._waiting: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self.is_source_up = False
        snapshot = read_snapshot_file(file)
        if snapshot is not None:
            ring.replace(snapshot)
        self._thread = threading.Thread(target=self._run, name="key-refresh", daemon=True)
        self._thread.start()

    def refresh_soon(self, on_done: Callable[[], None]) -> bool:
        """Ask once more before a key is called unknown: it may be a second old.

        Returns False, and calls nothing, where that is pointless because PostgreSQL is away.
        However many ask, PostgreSQL is asked at most five times a second.
        """
        with self._lock:
            if not self.is_source_up:
                return False
            self._waiting.append(on_done)
        self._wake.set()
        return True

    def close(self) -> None:
        """End the thread; it may be waiting for PostgreSQL, so it is not waited for long."""
        self._closing = True
        self._wake.set()
        self._thread.join(1.0)

    def _run(self) -> None:
        while not self._closing:
            self._wake.clear()
            with self._lock:
                waiting, self._waiting = self._waiting, []
            self._refresh_once()
            for call in waiting:
                call()
            time.sleep(LEAST_INTERVAL_SECONDS)
            self._wake.wait(self._interval)

    def _refresh_once(self) -> None:
        try:
            # A snapshot from disk may be newer than a database restored from a backup: on the
            # first contact the tables are read whatever their version.
            known = self._ring.version if self.is_source_up else -1
            snapshot = self._read(known)
            self.is_source_up = True
        except ControlUnavailable as error:
            if self.is_source_up:
                logger.warning("keys are served from the snapshot: %s", error)
            self.is_source_up = False
            return
        if snapshot is not None:
            self._ring.replace(snapshot)
            try:
                write_snapshot_file(self._file, snapshot)
            except OSError as error:
                logger.error("the key snapshot cannot be written: %s", error.strerror)
