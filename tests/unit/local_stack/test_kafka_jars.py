import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from local_stack.kafka_jars import (
    KAFKA_VERSION,
    LIST_FILE,
    DownloadFailed,
    Jar,
    ensure_jars,
    is_good,
    read_list,
)

CONTENT = b"the content of a jar"
GOOD = Jar(hashlib.sha256(CONTENT).hexdigest(), len(CONTENT), "org.example:good:1.0")


class Repository:
    """Gives what it has, in the order of `answers`; the last one again and again."""

    def __init__(self, *answers: bytes | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, jar: Jar, folder: Path, advance: Callable[[int], None]) -> Path:
        self.asked.append(jar.coordinate)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        file = folder / jar.file_name
        if isinstance(answer, Exception):
            file.write_bytes(CONTENT[:5])
            raise answer
        file.write_bytes(answer)
        advance(len(answer))
        return file


def cached(cache: Path) -> Path:
    return cache / f"kafka-{KAFKA_VERSION}" / GOOD.file_name


def test_the_committed_list_names_the_broker_its_client_and_a_log_binding() -> None:
    coordinates = [jar.coordinate for jar in read_list()]
    assert f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}" in coordinates
    assert f"org.apache.kafka:kafka-clients:{KAFKA_VERSION}" in coordinates
    assert any(":log4j-slf4j-impl:" in coordinate for coordinate in coordinates)
    assert len(coordinates) == len(set(coordinates))
    assert all(len(jar.sha256) == 64 and jar.size > 0 for jar in read_list())
    assert "http" not in LIST_FILE.read_text()


def test_a_missing_jar_is_downloaded_once_and_then_found_without_a_network(tmp_path: Path) -> None:
    repository = Repository(CONTENT)
    assert ensure_jars(tmp_path, jars=[GOOD], fetch=repository) == [cached(tmp_path)]
    offline = Repository(DownloadFailed("no network"))
    assert ensure_jars(tmp_path, jars=[GOOD], fetch=offline) == [cached(tmp_path)]
    assert offline.asked == []


@pytest.mark.parametrize(
    "present",
    [
        pytest.param(CONTENT[:7], id="shorter, as an interrupted download leaves it"),
        pytest.param(CONTENT[:-1] + b"!", id="of the right length with another byte"),
        pytest.param(b"", id="empty"),
    ],
)
def test_a_damaged_jar_is_replaced(tmp_path: Path, present: bytes) -> None:
    cached(tmp_path).parent.mkdir(parents=True)
    cached(tmp_path).write_bytes(present)
    ensure_jars(tmp_path, jars=[GOOD], fetch=Repository(CONTENT))
    assert is_good(cached(tmp_path), GOOD)


def test_what_does_not_match_the_list_is_never_kept(tmp_path: Path) -> None:
    repository = Repository(b"something else")
    with pytest.raises(DownloadFailed, match="not what the list says"):
        ensure_jars(tmp_path, jars=[GOOD], fetch=repository)
    assert not cached(tmp_path).exists()
    assert list(cached(tmp_path).parent.glob(".partial-*")) == []


def test_a_download_that_broke_off_is_tried_again(tmp_path: Path) -> None:
    repository = Repository(DownloadFailed("connection reset"), CONTENT)
    ensure_jars(tmp_path, jars=[GOOD], fetch=repository)
    assert is_good(cached(tmp_path), GOOD)
    assert len(repository.asked) == 2


def test_leftovers_of_a_killed_download_are_removed(tmp_path: Path) -> None:
    leftover = cached(tmp_path).parent / ".partial-killed"
    leftover.mkdir(parents=True)
    (leftover / GOOD.file_name).write_bytes(CONTENT[:3])
    ensure_jars(tmp_path, jars=[GOOD], fetch=Repository(CONTENT))
    assert not leftover.exists()


def test_one_failure_keeps_what_the_others_brought(tmp_path: Path) -> None:
    bad = Jar("0" * 64, 3, "org.example:bad:1.0")
    with pytest.raises(DownloadFailed):
        ensure_jars(tmp_path, jars=[GOOD, bad], fetch=Repository(CONTENT))
    repository = Repository(CONTENT)
    with pytest.raises(DownloadFailed):
        ensure_jars(tmp_path, jars=[GOOD, bad], fetch=repository)
    assert set(repository.asked) == {bad.coordinate}


def test_progress_counts_up_to_the_whole(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    ensure_jars(
        tmp_path,
        progress=lambda done, total: seen.append((done, total)),
        jars=[GOOD],
        fetch=Repository(CONTENT),
    )
    assert seen[-1] == (len(CONTENT), len(CONTENT))
