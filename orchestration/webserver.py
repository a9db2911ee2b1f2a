"""Dagster's web server behind the guard: `python -m orchestration.webserver --port 3000`.

Does what `dagster-webserver` does, with the guard around its application; that command itself has
no place to put one. `DAGSTER_HOME` names the instance; the workspace is read from
`<DAGSTER_HOME>/workspace.yaml` unless `--workspace` says otherwise.
"""

import argparse
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import uvicorn
from dagster import DagsterInstance
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.version import __version__

from orchestration.guard import LOCAL_HOSTS, Guard
from unmogrowp.errors import ConfigurationError
from unmogrowp.settings import load_settings

logger = logging.getLogger(__name__)

# What the `dagster-webserver` command uses: a page must not hold a database connection for long.
_STATEMENT_TIMEOUT_MS = 15_000
_POOL_RECYCLE_S = 3_600
_POOL_MAX_OVERFLOW = 20
_POLL_RATE_MS = 2_000


def serve(host: str, port: int, workspace: Path, allowed_hosts: Sequence[str]) -> None:
    """Serve the UI until the process is told to end."""
    if host not in LOCAL_HOSTS:
        logger.warning(
            "the Dagster UI listens on %s: whoever reaches it may launch and delete runs", host
        )
    with DagsterInstance.get() as instance:
        instance.optimize_for_webserver(_STATEMENT_TIMEOUT_MS, _POOL_RECYCLE_S, _POOL_MAX_OVERFLOW)
        with WorkspaceProcessContext(
            instance,
            version=__version__,
            workspace_load_target=WorkspaceFileTarget(paths=[str(workspace)]),
        ) as process_context:
            app = create_app_from_workspace_process_context(
                process_context, live_data_poll_rate=_POLL_RATE_MS
            )
            uvicorn.run(
                Guard(app, allowed_hosts),
                host=host,
                port=port,
                log_level="warning",
                # A browser keeps its websocket open: without a limit the end would wait for it.
                timeout_graceful_shutdown=3,
            )


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and serve."""
    settings = load_settings()
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--host", default=settings.dagster.host)
    parser.add_argument("--port", type=int, default=settings.dagster.webserver_port)
    parser.add_argument("--workspace", type=Path)
    parser.add_argument(
        "--allowed-host", action="append", default=[], help="further Host name; repeatable"
    )
    given = parser.parse_args(arguments)
    home = os.environ.get("DAGSTER_HOME")
    if not home:
        raise ConfigurationError("DAGSTER_HOME is not set; `unmogrowp up` sets <home>/dagster")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    serve(
        given.host,
        given.port,
        given.workspace or Path(home) / "workspace.yaml",
        [*settings.dagster.allowed_hosts, *given.allowed_host],
    )


if __name__ == "__main__":
    main()
