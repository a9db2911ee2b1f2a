from pathlib import Path

from cli.log_files import tail


def test_the_last_lines_are_given_in_order(tmp_path: Path) -> None:
    file = tmp_path / "kafka.log"
    file.write_text("a\nb\nc\n")
    assert list(tail(file, 2, follow=False)) == ["b", "c"]
    assert list(tail(file, 0, follow=False)) == []


def test_following_goes_on_over_a_rotation_without_losing_a_line(tmp_path: Path) -> None:
    file = tmp_path / "kafka.log"
    file.write_text("a\n")
    lines = tail(file, 10, follow=True)
    assert next(lines) == "a"
    with file.open("a") as handle:
        handle.write("b\n")
    assert next(lines) == "b"
    with file.open("a") as handle:
        handle.write("last of the old file\n")
    file.rename(tmp_path / "kafka.log.1")
    file.write_text("first of the new file\n")
    assert next(lines) == "last of the old file"
    assert next(lines) == "first of the new file"


def test_bytes_that_are_no_text_do_not_stop_it(tmp_path: Path) -> None:
    file = tmp_path / "kafka.log"
    file.write_bytes(b"\xff\xfe\nok\n")
    assert list(tail(file, 1, follow=False)) == ["ok"]
