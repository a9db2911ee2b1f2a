"""The control database, for commands."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from unmogrowp.control.database import opened
from unmogrowp.errors import ConfigurationError
from unmogrowp.settings import Settings


def actor() -> str:
    """Return who gives the command, as the audit log names them."""
    return f"{getpass.getuser()} (command line)"


def require_postgres(settings: Settings) -> None:
    """Refuse to go on without the address of PostgreSQL.

    Raises:
        ConfigurationError: None is known.
    """
    if not settings.postgres.url:
        raise ConfigurationError(
            "no PostgreSQL is known: `unmogrowp up`, or set UNMOGROWP_POSTGRES__URL"
        )


@contextmanager
def control_session(settings: Settings) -> Iterator[Session]:
    """Open the control database for one command.

    Raises:
        ConfigurationError: No PostgreSQL is known.
        ControlUnavailable: It cannot be reached.
    """
    require_postgres(settings)
    with opened(settings.postgres.url, settings.postgres.password.get_secret_value()) as session:
        yield session
