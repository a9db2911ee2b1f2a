"""The only caller of Great Expectations: runs sentences over rows of the warehouse by SQL.

An expectation that could not be evaluated is an error of ours or an outage, never a statement
about the data; Great Expectations returns both as `success=False`. Here the first is raised, so
that an outage does not turn a check red and red data is never mistaken for an outage.

Imported lazily: 4-5 s and 250 MB, which a landing run must not pay.
"""

import importlib
import itertools
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from assets.checks.expectation import Expect
from unmogrowp.errors import QueryFailed, WarehouseUnavailable

_PASSWORD_IN_URL = re.compile(r"(://[^:/@\s]*:)[^@/\s]+@")
# Its registries are global to the process, and not made for threads.
_LOCK = threading.Lock()
_SOURCES: dict[str, Any] = {}
_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one sentence."""

    expect: Expect
    is_true: bool
    unexpected_count: int
    observed: str


@dataclass(frozen=True, slots=True)
class ExpectationEngine:
    """Knows how to reach the warehouse by SQLAlchemy; a plain value, built by the resource."""

    connection_string: str = field(repr=False)
    connect_arguments: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def warm_up(self) -> None:
        """Import Great Expectations now, so that nobody holds a lock while it is read."""
        importlib.import_module("great_expectations.expectations")

    def validate(self, query: str, expectations: Sequence[Expect]) -> list[Verdict]:
        """Return one verdict per sentence, in their order.

        Raises:
            WarehouseUnavailable: The warehouse could not be asked; try again.
            QueryFailed: A sentence cannot be evaluated as it is written.
        """
        if not expectations:
            return []
        gx: Any = importlib.import_module("great_expectations")
        kinds: Any = importlib.import_module("great_expectations.expectations")
        with _LOCK:
            source = self._source(gx)
            asset = source.add_query_asset(f"rows {next(_NUMBERS)}", query=query)
            try:
                batch = asset.add_batch_definition_whole_table("all").get_batch()
                result = batch.validate(
                    gx.ExpectationSuite(
                        name="suite",
                        expectations=[
                            getattr(kinds, expect.kind)(**expect.arguments, meta={"index": index})
                            for index, expect in enumerate(expectations)
                        ],
                    ),
                    result_format={"result_format": "SUMMARY"},
                )
            finally:
                source.delete_asset(asset.name)
        by_index = {entry.expectation_config.meta["index"]: entry for entry in result.results}
        return [
            _verdict(expect, by_index[index].to_json_dict())
            for index, expect in enumerate(expectations)
        ]

    def _source(self, gx: Any) -> Any:
        """Return the one data source of this address: each would hold connections of its own."""
        if self.connection_string not in _SOURCES:
            context = gx.get_context(mode="ephemeral")
            context.variables.progress_bars = {"globally": False, "metric_calculations": False}
            _SOURCES[self.connection_string] = context.data_sources.add_sql(
                "warehouse",
                connection_string=self.connection_string,
                kwargs={"connect_args": dict(self.connect_arguments)},
            )
        return _SOURCES[self.connection_string]


def _verdict(expect: Expect, entry: Mapping[str, Any]) -> Verdict:
    _raise_if_not_evaluated(expect, entry.get("exception_info") or {})
    result = entry["result"]
    is_true = bool(entry["success"])
    observed = result.get("observed_value")
    unexpected = result.get("unexpected_count")
    if unexpected is None:
        is_count = expect.kind == "UnexpectedRowsExpectation" and isinstance(observed, int)
        unexpected = observed if is_count else int(not is_true)
    if observed is None:
        total = result.get("element_count", 0)
        observed = f"{unexpected} of {total} rows"
    return Verdict(expect, is_true, 0 if is_true else max(int(unexpected), 1), str(observed))


def _raise_if_not_evaluated(expect: Expect, info: Mapping[str, Any]) -> None:
    """Raise what the engine swallowed; the mapping is flat or nested by metric."""
    entries = [info, *(value for value in info.values() if isinstance(value, Mapping))]
    for entry in entries:
        if entry.get("raised_exception"):
            message = redact(str(entry.get("exception_message") or "no message"))
            text = f"'{expect.sentence}' could not be evaluated: {message}"
            if _is_outage(message):
                raise WarehouseUnavailable(text)
            raise QueryFailed(text)


def _is_outage(message: str) -> bool:
    signs = ("Connection refused", "Max retries exceeded", "RemoteDisconnected", "timed out")
    return any(sign in message for sign in signs)


def redact(text: str) -> str:
    """Return a message without the password that an address in it may carry."""
    return _PASSWORD_IN_URL.sub(r"\1***@", text)
