"""As whom PostgreSQL runs, and how that user reaches what he needs.

An ordinary user's stack runs everything as himself. Root's stack needs somebody else for
PostgreSQL: a system user `unmogrowp`, made once (where that is impossible: `nobody`). What he
cannot reach (a checkout or a data folder under /root, say) is kept under `/var/lib/unmogrowp`:
permissions of folders that are not ours are never changed.
"""

import fcntl
import hashlib
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unmogrowp.errors import ConfigurationError

NAME = "unmogrowp"
SHARED_ROOT = Path("/var/lib/unmogrowp")


@dataclass(frozen=True)
class OsUser:
    """A user of the operating system; `is_other` when it is not the one who runs us."""

    name: str
    uid: int
    gid: int
    is_other: bool

    def popen_arguments(self) -> dict[str, Any]:
        """Return what `subprocess` needs to run something as this user."""
        if not self.is_other:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def become(self) -> None:
        """Change this process to the user, for good."""
        if self.is_other:
            os.setgroups([])
            os.setgid(self.gid)
            os.setuid(self.uid)

    def own(self, path: Path) -> None:
        """Give him a folder or file that we made; folders are his alone."""
        if path.is_dir():
            path.chmod(0o700)
        if self.is_other:
            os.chown(path, self.uid, self.gid)

    def can_enter(self, folder: Path) -> bool:
        """Tell whether he can change into the folder: tried, not computed."""
        done = subprocess.run(
            ["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)],
            capture_output=True,
            check=False,
            cwd="/",
            **self.popen_arguments(),
        )
        return done.returncode == 0

    def can_run(self, program: Path) -> bool:
        """Tell whether he can run the program."""
        try:
            done = subprocess.run(
                [str(program), "--version"],
                capture_output=True,
                check=False,
                cwd="/",
                **self.popen_arguments(),
            )
        except OSError:
            return False
        return done.returncode == 0


def unprivileged() -> OsUser:
    """Return the user for servers that refuse to be root; ourselves where we are not root."""
    if os.geteuid() != 0:
        # A user without an entry (a container with a bare uid) is told by initdb itself.
        return OsUser(str(os.geteuid()), os.geteuid(), os.getegid(), is_other=False)
    for name in (NAME, "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            if name != NAME or not _make_user():
                continue
            entry = pwd.getpwnam(name)
        return OsUser(name, entry.pw_uid, entry.pw_gid, is_other=True)
    raise ConfigurationError(
        "PostgreSQL does not run as root, and there is neither a user `unmogrowp` nor `nobody`: "
        "make one (`useradd --system unmogrowp`) or start as an ordinary user"
    )


def _make_user() -> bool:
    program = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if program is None:
        return False
    options = ["--system", "--no-create-home", "--home-dir", "/nonexistent"]
    done = subprocess.run(
        [program, *options, "--shell", "/usr/sbin/nologin", NAME], capture_output=True, check=False
    )
    try:
        pwd.getpwnam(NAME)  # made by us, or by another process at the same moment
    except KeyError:
        return False
    return done.returncode in (0, 9)


def reachable_folder(folder: Path, user: OsUser) -> Path:
    """Return `folder`, or one under /var/lib that stands for it where the user cannot reach it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    if user.can_enter(folder.parent):
        chosen = folder
    else:
        _make_shared_root()
        chosen = stand_in(folder)
    chosen.mkdir(exist_ok=True)
    return chosen


def stand_in(folder: Path) -> Path:
    """Return the folder that stands for one that the user cannot reach."""
    return SHARED_ROOT / hashlib.sha256(str(folder).encode()).hexdigest()[:16]


def reachable_copy(installation: Path, name: str, user: OsUser) -> Path:
    """Return an installation whose programs the user can run: the given one, or a copy of it."""
    if user.can_run(installation / "bin" / "postgres"):
        return installation
    _make_shared_root()
    copy = SHARED_ROOT / name
    with (SHARED_ROOT / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not copy.exists():
            partial = SHARED_ROOT / f".partial-{name}"
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(installation, partial, symlinks=True)
            partial.rename(copy)
    if not user.can_run(copy / "bin" / "postgres"):
        raise ConfigurationError(f"the user {user.name} cannot run {copy}/bin/postgres")
    return copy


def _make_shared_root() -> None:
    if not SHARED_ROOT.exists():
        SHARED_ROOT.mkdir(parents=True)
        SHARED_ROOT.chmod(0o755)
