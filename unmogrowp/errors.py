"""The error tree. Who may retry is a property of the class, never of the message.

UnmogrowpError
├── ConfigurationError   refuse to start; say which setting and what to do
├── TransientError       try again: the other side was away, busy or restarting
│   ├── SinkUnavailable       the stream cannot take or give records now
│   ├── WarehouseUnavailable  ClickHouse cannot be reached or is overloaded
│   ├── ControlUnavailable    PostgreSQL or Valkey cannot be reached
│   └── LandingUnfinished     a range is planned but not landed: landing has to run first
└── PermanentError       never try again without a change
    ├── MigrationDrift        an applied migration file was edited, or the schema differs
    ├── AuditFailed           a contract assertion did not hold; nothing was published
    ├── PartitionConflict     the input moved under a rebuild, or a newer publish exists
    ├── RebuildRefused        the raw rows of the day are no longer complete
    ├── StreamGap             records were deleted from the stream before they were landed
    └── QueryFailed           the warehouse refused a statement (syntax, type, permission)
"""

from collections.abc import Sequence


class UnmogrowpError(Exception):
    """Base of every error this project raises on purpose."""


class ConfigurationError(UnmogrowpError):
    """The process must not start with this configuration."""


class TransientError(UnmogrowpError):
    """Trying again later may succeed without any change."""


class SinkUnavailable(TransientError):
    """The stream cannot take or give records now."""


class WarehouseUnavailable(TransientError):
    """ClickHouse cannot be reached or is overloaded."""


class ControlUnavailable(TransientError):
    """PostgreSQL or Valkey cannot be reached."""


class LandingUnfinished(TransientError):
    """A range is planned but not landed; the next landing run finishes it."""


class PermanentError(UnmogrowpError):
    """Trying again without a change would fail the same way."""


class MigrationDrift(PermanentError):
    """An applied migration was edited, or the schema is not what migrations say."""


class AuditFailed(PermanentError):
    """A contract assertion did not hold; nothing was published.

    `results` are the quality results that say which, where the one who raised had them.
    """

    def __init__(self, message: str, results: Sequence[object] = ()) -> None:
        super().__init__(message)
        self.results = tuple(results)


class PartitionConflict(PermanentError):
    """The input moved under a rebuild, or a newer version is already published."""


class RebuildRefused(PermanentError):
    """The day cannot be rebuilt: its raw rows are no longer complete."""


class StreamGap(PermanentError):
    """Records were removed from the stream before they were landed."""


class QueryFailed(PermanentError):
    """The warehouse refused a statement; `code` is ClickHouse's error code."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code
