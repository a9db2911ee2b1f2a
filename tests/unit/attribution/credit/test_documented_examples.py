"""What docs/multi_touch.md shows runs as it stands there."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[4] / "docs" / "multi_touch.md"


def test_examples_run_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for example in examples:
        if "warehouse" not in example:
            exec(example, names)
    assert {file.name for file in tmp_path.iterdir()} == {"credit.png", "intervals.png"}
    assert "time_decay" in capsys.readouterr().out
