"""`python -m control_api`: serves the API for people where the settings say."""

import logging
import sys

import uvicorn

from control_api.app import create_app
from unmogrowp.control.database import build_engine
from unmogrowp.errors import ConfigurationError, UnmogrowpError
from unmogrowp.settings import load_settings


def main() -> int:
    """Serve until SIGTERM."""
    logging.basicConfig(
        level=logging.INFO,
        format='{"at":"%(asctime)s","level":"%(levelname)s","from":"%(name)s",'
        '"message":"%(message)s"}',
    )
    try:
        settings = load_settings()
        if not settings.postgres.url:
            raise ConfigurationError("UNMOGROWP_POSTGRES__URL is not set, no stack was started")
        password = settings.postgres.password.get_secret_value()
        engine = build_engine(settings.postgres.url, password, connect_timeout_s=2)
    except UnmogrowpError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    uvicorn.run(
        create_app(engine),
        host=settings.control_api.host,
        port=settings.control_api.port,
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
