"""Rulesets in the control database: added once, promoted from a day on, never changed.

A version that decided something must stay readable, so a change is a new version, and making it
the one that counts is an act of its own, in the audit log with who, when, from what and to what.
"""

from datetime import date, datetime

from pydantic import ValidationError
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from unmogrowp.control.apps import Refused, find_app
from unmogrowp.control.audit_log import record_act
from unmogrowp.control.tables import RulesetPromotion, StoredRuleset
from unmogrowp.errors import PermanentError
from unmogrowp.rulesets import PRESETS, Ruleset
from unmogrowp.rulesets.assignment import EVERY_APP, Promotion, in_force, primary_of
from unmogrowp.rulesets.policies import KEPT

# Two promotions at once would each see what the other replaces; the number is only ours.
_LOCK = 0x72756C65736574


def add_ruleset(session: Session, ruleset: Ruleset, *, actor: str, at: datetime) -> bool:
    """Keep a version of a ruleset; return False where exactly it was kept before.

    Raises:
        Refused: The version holds something else, an older number is given, or the name is that
            of a preset.
    """
    _one_at_a_time(session)
    preset = PRESETS.get(ruleset.ruleset_id)
    if preset is not None and preset.config_hash != ruleset.config_hash:
        raise Refused(
            f"{ruleset.ruleset_id} is the name of a preset; give yours another ruleset_id"
        )
    known = session.get(StoredRuleset, (ruleset.ruleset_id, ruleset.version))
    # Hashed anew: the stored hash is that of the engine which was current then.
    if known is not None and _read(known).config_hash == ruleset.config_hash:
        return False
    if known is not None:
        raise Refused(
            f"{ruleset.ruleset_id} version {ruleset.version} is kept with other rules; raise the"
            " version"
        )
    newest = session.scalar(
        select(func.max(StoredRuleset.version)).where(
            StoredRuleset.ruleset_id == ruleset.ruleset_id
        )
    )
    if newest is not None and ruleset.version < newest:
        raise Refused(f"{ruleset.ruleset_id} has version {newest} already; raise the version")
    session.add(
        StoredRuleset(
            ruleset_id=ruleset.ruleset_id,
            version=ruleset.version,
            config_hash=ruleset.config_hash,
            body=ruleset.model_dump(mode="json"),
            added_at=at,
            added_by=actor,
        )
    )
    session.flush()
    record_act(
        session,
        actor=actor,
        at=at,
        action="ruleset.add",
        subject=ruleset.ruleset_id,
        version=ruleset.version,
        config_hash=ruleset.config_hash,
    )
    return True


def promote_ruleset(
    session: Session,
    ruleset_id: str,
    effective_from: date,
    *,
    actor: str,
    at: datetime,
    version: int | None = None,
    app_id: str = EVERY_APP,
) -> Promotion:
    """Make a ruleset the primary one of an app, or of every app, from a UTC day on.

    Args:
        session: A transaction on the control database.
        ruleset_id: A kept ruleset, or a preset, which is kept by this.
        effective_from: First day of conversions it decides.
        actor: Who does it.
        at: When.
        version: Which version; the newest one when not given.
        app_id: One app, or '' for all that have no promotion of their own.

    Raises:
        Refused: No such ruleset, version or app; it is the primary one already; or another app
            uses another version of it, and both would share a partition.
    """
    _one_at_a_time(session)
    if app_id != EVERY_APP:
        find_app(session, app_id)
    if ruleset_id in PRESETS and version is None:
        add_ruleset(session, PRESETS[ruleset_id], actor=actor, at=at)
    ruleset = find_ruleset(session, ruleset_id, version)
    promotions = list_promotions(session)
    before = primary_of(promotions, app_id, effective_from)
    present = in_force(promotions, app_id, effective_from)
    if (
        present is not None
        and present.app_id == app_id
        and present.ruleset.config_hash == ruleset.config_hash
    ):
        raise Refused(
            f"{ruleset_id} version {ruleset.version} is the primary ruleset of"
            f" {app_id or 'every app'} since {present.effective_from} already"
        )
    _refuse_two_versions(promotions, ruleset, app_id)
    row = RulesetPromotion(
        app_id=app_id,
        ruleset_id=ruleset_id,
        version=ruleset.version,
        effective_from=effective_from,
        promoted_at=at,
        promoted_by=actor,
    )
    session.add(row)
    session.flush()
    record_act(
        session,
        actor=actor,
        at=at,
        action="ruleset.promote",
        subject=ruleset_id,
        app_id=app_id,
        effective_from=effective_from.isoformat(),
        from_ruleset=before.ruleset_id,
        from_version=before.version,
        from_config_hash=before.config_hash,
        to_version=ruleset.version,
        to_config_hash=ruleset.config_hash,
    )
    return Promotion(row.promotion_id, app_id, ruleset, effective_from, at, actor)


def find_ruleset(session: Session, ruleset_id: str, version: int | None = None) -> Ruleset:
    """Return a kept version (the newest by default), else the preset of that name.

    Raises:
        Refused: There is none.
    """
    query = select(StoredRuleset).where(StoredRuleset.ruleset_id == ruleset_id)
    if version is not None:
        query = query.where(StoredRuleset.version == version)
    found = session.scalars(query.order_by(StoredRuleset.version.desc()).limit(1)).first()
    if found is not None:
        return _read(found)
    preset = PRESETS.get(ruleset_id)
    if preset is None or version not in (None, preset.version):
        named = ruleset_id if version is None else f"{ruleset_id} version {version}"
        raise Refused(f"there is no ruleset {named}; `unmogrowp ruleset list` shows all")
    return preset


def list_rulesets(session: Session) -> list[StoredRuleset]:
    """Return every kept version, by name and version."""
    return list(
        session.scalars(
            select(StoredRuleset).order_by(StoredRuleset.ruleset_id, StoredRuleset.version)
        )
    )


def list_promotions(session: Session) -> list[Promotion]:
    """Return every promotion in the order in which they were recorded."""
    rows = session.execute(
        select(RulesetPromotion, StoredRuleset)
        .join(
            StoredRuleset,
            (StoredRuleset.ruleset_id == RulesetPromotion.ruleset_id)
            & (StoredRuleset.version == RulesetPromotion.version),
        )
        .order_by(RulesetPromotion.promotion_id)
    )
    # A body may be large, and is validated as it is read: once, however often it was promoted.
    read: dict[tuple[str, int], Ruleset] = {}
    promotions = []
    for one, stored in rows:
        version = (stored.ruleset_id, stored.version)
        if version not in read:
            read[version] = _read(stored)
        promotions.append(
            Promotion(
                one.promotion_id,
                one.app_id,
                read[version],
                one.effective_from,
                one.promoted_at,
                one.promoted_by,
            )
        )
    return promotions


def _refuse_two_versions(promotions: list[Promotion], ruleset: Ruleset, app_id: str) -> None:
    for one in promotions:
        if (
            one.app_id != app_id
            and one.ruleset.ruleset_id == ruleset.ruleset_id
            and one.ruleset.version != ruleset.version
        ):
            raise Refused(
                f"{one.app_id or 'every app'} uses version {one.ruleset.version} of"
                f" {ruleset.ruleset_id}, and all apps of a ruleset share its partitions; give"
                " this one a ruleset_id of its own"
            )


def _read(stored: StoredRuleset) -> Ruleset:
    try:
        return Ruleset.model_validate(stored.body, context={KEPT: True})
    except ValidationError as error:
        reason = error.errors(include_url=False)[0]["msg"]
        raise PermanentError(
            f"{stored.ruleset_id} version {stored.version} was kept by an older engine, and this"
            f" one cannot apply it: {reason}; add a version that it can apply, and promote that"
        ) from error


def _one_at_a_time(session: Session) -> None:
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
