"""Tables of the control database: who may send, with which key, and what was changed by whom."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Base of all tables; every instant is `timestamptz`, every text unbounded `text`."""

    type_annotation_map = {
        datetime: DateTime(timezone=True),
        str: Text,
        dict[str, Any]: JSONB,
    }


class App(Base):
    """One mobile app. Disabled, never deleted: what it sent stays attributable to it."""

    __tablename__ = "apps"

    app_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    bundle_id: Mapped[str] = mapped_column(server_default=text("''"))
    # Keys the hash of addresses: equal addresses of one app can be matched, across apps not.
    address_secret: Mapped[str]
    keeps_addresses: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class WriteKey(Base):
    """One write key of an app; only its keyed hash is kept."""

    __tablename__ = "write_keys"

    key_id: Mapped[str] = mapped_column(primary_key=True)
    app_id: Mapped[str] = mapped_column(ForeignKey("apps.app_id"), index=True)
    key_hash: Mapped[str] = mapped_column(unique=True)
    hint: Mapped[str]  # the last characters, so that people can tell keys apart
    is_strict: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class RegistryVersion(Base):
    """One row; triggers raise `version` with every change of apps and write keys.

    Collectors poll this number instead of the tables: one index-free row every two seconds.
    """

    __tablename__ = "registry_version"

    is_only_row: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    version: Mapped[int] = mapped_column(BigInteger)


class AuditLogEntry(Base):
    """One change: who did what to which thing. Rows are only added."""

    __tablename__ = "audit_log"

    entry_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    recorded_at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    detail: Mapped[dict[str, Any]]

    __table_args__ = (Index("ix_audit_log_recorded_at", "recorded_at"),)


class StoredRuleset(Base):
    """One version of a ruleset. Rows are only added: what decided once can be read for ever."""

    __tablename__ = "rulesets"

    ruleset_id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    config_hash: Mapped[str]
    body: Mapped[dict[str, Any]]
    added_at: Mapped[datetime]
    added_by: Mapped[str]


class RulesetPromotion(Base):
    """From a day on, one version of a ruleset is the primary one of an app, or of all ('')."""

    __tablename__ = "ruleset_promotions"

    promotion_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    app_id: Mapped[str]
    ruleset_id: Mapped[str]
    version: Mapped[int] = mapped_column(Integer)
    effective_from: Mapped[date]
    promoted_at: Mapped[datetime]
    promoted_by: Mapped[str]

    __table_args__ = (
        ForeignKeyConstraint(
            ["ruleset_id", "version"], ["rulesets.ruleset_id", "rulesets.version"]
        ),
    )
