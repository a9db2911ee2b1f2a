import struct
from pathlib import Path

import pytest

from local_stack.clickhouse import sandbox


def access(path: str) -> int:
    wanted = Path(path)
    rules = sandbox.rules(Path("/data"), Path("/config"))
    return sum(rule.access for rule in rules if rule.path in (wanted, *wanted.parents))


def test_only_the_data_folder_can_be_changed() -> None:
    rules = sandbox.rules(Path("/data"), Path("/config"))
    writable = {str(rule.path) for rule in rules if rule.access & sandbox.WRITE_FILE}
    assert writable == {"/data", "/dev/null"}


@pytest.mark.parametrize(
    "path",
    ["/proc/self/environ", "/proc/self/cmdline", "/proc/self/fd", "/etc/passwd", "/etc", "/tmp",
     "/home", "/root/.ssh/id_rsa", "/dev/sda", "/secrets"],
)  # fmt: skip
def test_nothing_may_be_done_with(path: str) -> None:
    assert access(path) == 0


def test_nothing_can_be_run_anywhere() -> None:
    rules = sandbox.rules(Path("/data"), Path("/config"))
    assert not any(rule.access & sandbox.EXECUTE for rule in rules)


@pytest.mark.parametrize(
    ("kernel", "fields"), [(1, 1), (3, 1), (4, 2), (5, 2), (6, 3), (7, 3), (9, 3)]
)
def test_the_ruleset_has_the_fields_the_kernel_knows(kernel: int, fields: int) -> None:
    attribute = sandbox.ruleset_attribute(kernel)
    assert len(attribute) == 8 * fields
    assert struct.unpack_from("=Q", attribute)[0] == sandbox.handled_access(kernel)


@pytest.mark.parametrize(("kernel", "bits"), [(1, 13), (2, 14), (3, 15), (4, 15), (5, 16), (7, 16)])
def test_all_rights_of_the_version_are_handled(kernel: int, bits: int) -> None:
    assert sandbox.handled_access(kernel) == 2**bits - 1


def test_the_words_say_how_far_it_goes() -> None:
    assert str(sandbox.Closed(0)) == "none"
    assert str(sandbox.Closed(3)) == "Landlock 3, files only"
    assert str(sandbox.Closed(7)) == "Landlock 7, files and network"
