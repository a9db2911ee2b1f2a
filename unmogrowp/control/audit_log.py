"""The log of changes: who did what to which thing, and when. Rows are only added."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from unmogrowp.control.tables import AuditLogEntry


def record_act(
    session: Session,
    *,
    actor: str,
    at: datetime,
    action: str,
    subject: str,
    **detail: str | int | bool,
) -> None:
    """Write one act into the log, within the transaction that makes the change."""
    session.add(
        AuditLogEntry(
            recorded_at=at, actor=actor, action=action, subject=subject, detail=dict(detail)
        )
    )


def list_acts(session: Session, area: str) -> list[AuditLogEntry]:
    """Return the acts of one area (`ruleset` for `ruleset.add`, ...), in their order."""
    return list(
        session.scalars(
            select(AuditLogEntry)
            .where(AuditLogEntry.action.startswith(f"{area}.", autoescape=True))
            .order_by(AuditLogEntry.entry_id)
        )
    )
