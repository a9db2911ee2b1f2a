"""The only caller of Great Expectations: lets it judge what sentences measured in the warehouse.

Its batch is the one row of measures of a suite, one column per sentence, so that a suite costs a
few statements and not two for each of its sentences.

An expectation that could not be evaluated is an error of ours or an outage, never a statement
about the data; Great Expectations returns both as `success=False`. Here the first is raised, so
that an outage does not turn a check red and red data is never mistaken for an outage.

Imported lazily: 4-5 s and 250 MB, which a landing run must not pay.
"""

import importlib
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from assets.checks.expectation import Expect, measure_name, measures
from unmogrowp.errors import QueryFailed, WarehouseUnavailable

_PASSWORD_IN_URL = re.compile(r"(://[^:/@\s]*:)[^@/\s]+@")
# Its registries are global to the process, and not made for threads.
_LOCK = threading.Lock()
_BATCHES: dict[str, Any] = {}


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
            batch = self._batch(gx, measures(query, expectations))
            result = batch.validate(
                gx.ExpectationSuite(
                    name="suite",
                    expectations=[
                        kinds.ExpectColumnMaxToBeBetween(
                            column=measure_name(index),
                            min_value=expect.low,
                            max_value=expect.high,
                            meta={"index": index},
                        )
                        for index, expect in enumerate(expectations)
                    ],
                ),
                result_format="BASIC",
            )
        by_index = {entry.expectation_config.meta["index"]: entry for entry in result.results}
        return [
            _verdict(expect, by_index[index].to_json_dict())
            for index, expect in enumerate(expectations)
        ]

    def _batch(self, gx: Any, query: str) -> Any:
        """Return the row to judge; the one asset of this address is used again and again.

        Each further source would hold connections of its own, and each asset that is added or
        deleted has the whole configuration written as YAML.
        """
        if self.connection_string not in _BATCHES:
            context = gx.get_context(mode="ephemeral")
            context.variables.progress_bars = {"globally": False, "metric_calculations": False}
            source = context.data_sources.add_sql(
                "warehouse",
                connection_string=self.connection_string,
                kwargs={"connect_args": dict(self.connect_arguments)},
            )
            asset = source.add_query_asset("measures", query=query)
            _BATCHES[self.connection_string] = asset.add_batch_definition_whole_table("all")
        definition = _BATCHES[self.connection_string]
        definition.data_asset.query = query
        return definition.get_batch()


def _verdict(expect: Expect, entry: Mapping[str, Any]) -> Verdict:
    _raise_if_not_evaluated(expect, entry.get("exception_info") or {})
    is_true = bool(entry["success"])
    measured = entry["result"]["observed_value"]
    against = int(measured) if expect.counts_rows else 1
    observed = f"{measured:.1%}" if isinstance(measured, float) else str(measured)
    return Verdict(expect, is_true, 0 if is_true else against, observed)


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
