"""The way to the control database: engines, sessions and the schema's migrations."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from unmogrowp.errors import ConfigurationError, ControlUnavailable

MIGRATIONS = Path(__file__).parent / "migrations"
# Two `up` at once must not both run migrations; the number is arbitrary and only ours.
_MIGRATION_LOCK = 0x756E6D6F67726F77


def database_url(url: str, password: str = "") -> URL:
    """Return the URL with driver and password filled in where it brings none.

    The driver is written out because a bare `postgresql://` means another one in SQLAlchemy 2.1.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigurationError("the PostgreSQL URL cannot be read") from error
    if parsed.get_backend_name() != "postgresql":
        raise ConfigurationError(f"{parsed.get_backend_name()} is not PostgreSQL")
    parsed = parsed.set(drivername="postgresql+psycopg2")
    if password and not parsed.password:
        parsed = parsed.set(password=password)
    return parsed


def build_engine(url: str, password: str = "", *, connect_timeout_s: int = 5) -> Engine:
    """Return an engine that notices connections that died while idle."""
    return create_engine(
        database_url(url, password),
        pool_pre_ping=True,
        pool_size=2,
        connect_args={"connect_timeout": connect_timeout_s, "application_name": "unmogrowp"},
    )


@contextmanager
def session(engine: Engine) -> Iterator[Session]:
    """Give a session whose changes are one transaction.

    Raises:
        ControlUnavailable: PostgreSQL cannot be reached, or went away.
    """
    try:
        with Session(engine) as opened, opened.begin():
            yield opened
    except DBAPIError as error:
        if error.connection_invalidated or type(error).__name__ == "OperationalError":
            raise ControlUnavailable(f"PostgreSQL cannot be reached: {_brief(error)}") from error
        raise


@contextmanager
def opened(url: str, password: str = "") -> Iterator[Session]:
    """Give a session of its own connection for one piece of work, and let go of it afterwards.

    Raises:
        ControlUnavailable: PostgreSQL cannot be reached.
    """
    engine = build_engine(url, password)
    try:
        with session(engine) as given:
            yield given
    finally:
        engine.dispose()


def upgrade(url: str, password: str = "") -> None:
    """Bring the schema to its newest version; safe to call at every start and by two at once.

    Raises:
        ControlUnavailable: PostgreSQL cannot be reached.
    """
    _migrate(url, password, "head", is_upgrade=True)


def downgrade(url: str, password: str = "", *, to: str = "base") -> None:
    """Take the schema back, by default to nothing; for tests of the migrations."""
    _migrate(url, password, to, is_upgrade=False)


def _migrate(url: str, password: str, revision: str, *, is_upgrade: bool) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    engine = build_engine(url, password)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _MIGRATION_LOCK})
            connection.commit()
            config.attributes["connection"] = connection
            if is_upgrade:
                command.upgrade(config, revision)
            else:
                command.downgrade(config, revision)
            connection.commit()
            # The lock ends with its session, so the connection must not return to a pool.
            connection.invalidate()
    except SQLAlchemyError as error:
        if isinstance(error, DBAPIError) and type(error).__name__ == "OperationalError":
            raise ControlUnavailable(f"PostgreSQL cannot be reached: {_brief(error)}") from error
        raise
    finally:
        engine.dispose()


def _brief(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0] if error.orig else type(error).__name__
