"""Start the control API: `python -m control_api`."""

import sys

import uvicorn

from control_api.app import create_app
from unmogrowp.control.database import build_engine
from unmogrowp.errors import UnmogrowpError
from unmogrowp.settings import load_settings


def main() -> None:
    """Serve until a signal."""
    try:
        settings = load_settings()
        engine = build_engine(
            settings.postgres.url,
            settings.postgres.password.get_secret_value(),
            connect_timeout_s=3,
        )
    except UnmogrowpError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        raise SystemExit(1) from None
    uvicorn.run(
        create_app(engine),
        host=settings.control_api.host,
        port=settings.control_api.port,
        log_level="warning",
        server_header=False,
    )


if __name__ == "__main__":
    main()
