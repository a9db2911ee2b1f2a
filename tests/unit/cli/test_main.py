import importlib

import pytest
import typer

from cli.main import COMMAND_MODULES


@pytest.mark.parametrize("module", COMMAND_MODULES)
def test_every_module_adds_exactly_the_commands_it_is_looked_up_by(module: str) -> None:
    app = typer.Typer()
    app.callback()(lambda: None)
    importlib.import_module(f"cli.{module}").register(app)
    assert set(typer.main.get_group(app).commands) == set(COMMAND_MODULES[module])
