"""What lies where under the data folder (`UNMOGROWP_HOME`), and who may read it."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from unmogrowp.errors import ConfigurationError

PRIVATE = ("secrets", "run", "logs", "dagster", "collector", "reports")
# Of components that make their own folders.
OTHERS = ("kafka", "clickhouse", "postgres", "valkey", "cache")
FILES = ("stack.json",)
MARK = ".unmogrowp"
# A Unix socket's path has at most 107 bytes; ours add up to 40 to the data folder's.
MAX_PATH_BYTES = 66


@dataclass(frozen=True)
class DataFolder:
    """One installation's data; two stacks never share one."""

    root: Path

    @property
    def secrets(self) -> Path:
        """Return the folder of passwords."""
        return self.root / "secrets"

    @property
    def run(self) -> Path:
        """Return the folder of sockets, locks and process records."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        """Return the folder of rotated logs, one file per component."""
        return self.root / "logs"

    @property
    def dagster(self) -> Path:
        """Return DAGSTER_HOME."""
        return self.root / "dagster"

    @property
    def stack_file(self) -> Path:
        """Return the file that says where the components listen."""
        return self.root / "stack.json"

    @property
    def supervisor_socket(self) -> Path:
        """Return the socket of the supervisor."""
        return self.run / "supervisor.sock"

    @property
    def supervisor_configuration(self) -> Path:
        """Return the supervisor's configuration file."""
        return self.run / "supervisor.conf"

    def log(self, name: str) -> Path:
        """Return the log of a component."""
        return self.logs / f"{name}.log"

    def component(self, name: str) -> Path:
        """Return the folder of a component's own data."""
        return self.root / name

    def make(self) -> None:
        """Create what is missing.

        A data folder made here can be passed through by others (PostgreSQL's user must reach his
        part), and everything in it is private. One that exists keeps its permissions.
        """
        try:
            if not self.root.exists():
                self.root.mkdir(parents=True)
                self.root.chmod(0o711 if os.geteuid() == 0 else 0o700)
            (self.root / MARK).touch()
            for name in PRIVATE:
                folder = self.root / name
                folder.mkdir(exist_ok=True)
                folder.chmod(0o700)
        except OSError as error:
            raise ConfigurationError(
                f"the data folder {self.root} cannot be used ({error.strerror}); "
                "name another one with UNMOGROWP_HOME"
            ) from error

    def wipe(self) -> None:
        """Delete what the project keeps here, and nothing else that may lie in the folder."""
        if not (self.root / MARK).exists():
            raise ConfigurationError(f"{self.root} is no data folder of this project")
        for name in (*PRIVATE, *OTHERS):
            if (self.root / name).exists():
                shutil.rmtree(self.root / name)
        for name in (*FILES, MARK):
            (self.root / name).unlink(missing_ok=True)
        if not any(self.root.iterdir()):
            self.root.rmdir()
