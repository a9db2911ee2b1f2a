"""What steps print, kept in files that the UI shows; Dagster's manager without its four helpers.

Dagster also copies it to the output of the code server while it is printed, by two processes per
stream and step: a third of a second of every run. Here it is copied when the step has ended.
"""

import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

from dagster._core.execution.compute_logs import redirect_to_file
from dagster._core.storage.compute_log_manager import CapturedLogContext, ComputeIOType
from dagster._core.storage.local_compute_log_manager import (
    IO_TYPE_EXTENSION,
    LocalComputeLogManager,
)
from dagster._serdes import ConfigurableClassData
from dagster._utils import ensure_file, touch_file


class QuietComputeLogManager(LocalComputeLogManager):
    """Redirects both streams of a step to its files, and copies these once."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Read the entry of `dagster.yaml`."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Iterator[CapturedLogContext]:
        """Redirect for the block; the artifact after it says that the files are complete."""
        paths = []
        for kind in (ComputeIOType.STDOUT, ComputeIOType.STDERR):
            path = self.get_captured_local_path(log_key, IO_TYPE_EXTENSION[kind])
            ensure_file(path)
            paths.append(path)
        try:
            with redirect_to_file(sys.stdout, paths[0]), redirect_to_file(sys.stderr, paths[1]):
                yield CapturedLogContext(log_key)
        finally:
            for path, stream in zip(paths, (sys.stdout, sys.stderr), strict=True):
                with open(path, encoding="utf8", errors="replace") as captured:
                    shutil.copyfileobj(captured, stream)
                stream.flush()
        touch_file(self.complete_artifact_path(log_key))  # type: ignore[no-untyped-call]
