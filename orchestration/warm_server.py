"""Dagster's code server, apart from two things: how runs start, and what a reload does.

Runs are forked from a warm process instead of being started from nothing, and a reload of the
location reads the code anew, which `dagster api grpc` cannot do.
"""

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Sequence
from typing import Any

from dagster._cli.api import api_cli
from dagster._grpc import server
from dagster._grpc.__generated__ import dagster_api_pb2

from orchestration.zygote import RunContext, Zygote

logger = logging.getLogger("dagster.code_server")

# The web server reads the location once more after its reload was answered.
_RELOAD_DELAY_S = 1.0


class WarmApiServer(server.DagsterApiServer):
    """Answers what Dagster's server answers; its runs start warm."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._zygote = Zygote()
        self._mp_ctx = RunContext(self._zygote)  # type: ignore[assignment]
        # Last, so that it inherits the environment that the instance injects.
        self._zygote.is_warm()

    def ReloadCode(  # noqa: N802 - a method of the protocol
        self, _request: dagster_api_pb2.ReloadCodeRequest, _context: Any
    ) -> dagster_api_pb2.ReloadCodeReply:
        """Become a new process under the same pid; runs that are under way go on."""
        logger.info("reads the code anew")
        threading.Timer(_RELOAD_DELAY_S, self._begin_anew).start()
        return dagster_api_pb2.ReloadCodeReply()

    def _begin_anew(self) -> None:
        self._zygote.end()
        os.execv(sys.executable, sys.orig_argv)  # nosec B606 - our own command line


def serve(arguments: Sequence[str]) -> None:
    """Run `dagster api grpc` with our server in the place of Dagster's, until told to end."""
    _bury_children_of_a_former_self()
    server.DagsterApiServer = WarmApiServer  # type: ignore[misc]
    api_cli.main(["grpc", *arguments], prog_name="orchestration.code_server")


def _bury_children_of_a_former_self() -> None:
    """Wait for what ended since a reload replaced the program: this process has no child yet."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
