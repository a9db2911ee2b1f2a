"""What an account may ask for. For the analyst this is one layer of several (docs/adr/0011).

Decisions are made on the statement as the engine itself formats it (`formatQuery`): escaped
identifiers, odd spacing and comments are gone, so a name cannot be hidden from these rules.
The pipeline is trusted; the engine's grants and the sandbox bind it as they bind everybody.
"""

import re
from collections.abc import Iterable, Mapping

from local_stack.clickhouse.accounts import Role
from local_stack.clickhouse.errors import ACCESS_DENIED, READONLY, ServerError
from local_stack.clickhouse.statements import (
    Statement,
    called_names,
    changed_settings,
    identifier_parameters,
    mentioned_names,
)

# Table functions that compute or read tables; everything else reaches files, the process or the
# network. `format` is one of them and a string function too.
_HARMLESS_TABLE_FUNCTIONS = {
    "dictionary", "format", "generate_series", "generaterandom", "generateseries", "merge",
    "mergetreeindex", "null", "numbers", "numbers_mt", "primes", "values", "view", "viewexplain",
    "viewifpermitted", "zeros", "zeros_mt",
}  # fmt: skip
# Functions that read files, describe the process, or ask models over the network.
_FORBIDDEN_FUNCTIONS = re.compile(
    r"file|python|catboostevaluate|addressto.*|demangle|getmacro|getserver.*"
    r"|ai(agg|classify|embed|extract|filter|generate|redact|similarity|translate).*"
)

# Settings an analyst may change: how results look, how joins and limits work. None of them gives
# more memory, reads a file or changes what may be done.
_SETTINGS = {
    "add_http_cors_header", "async_insert", "cancel_http_readonly_queries_on_client_close",
    "cast_string_to_dynamic_use_inference", "connect_timeout", "count_distinct_implementation",
    "date_time_input_format", "date_time_output_format", "distinct_overflow_mode",
    "do_not_merge_across_partitions_select_final", "empty_result_for_aggregation_by_empty_set",
    "enable_analyzer", "enable_http_compression", "enable_optimize_predicate_expression",
    "extremes", "final", "group_by_overflow_mode", "group_by_use_nulls",
    "http_headers_progress_interval_ms", "http_response_buffer_size",
    "http_zlib_compression_level", "input_format_null_as_default", "join_algorithm",
    "join_any_take_last_row", "join_overflow_mode", "join_use_nulls", "limit", "log_queries",
    "max_block_size", "max_bytes_in_join", "max_bytes_to_read", "max_columns_to_read",
    "max_execution_time",
    "max_query_size", "max_result_rows", "max_rows_in_join", "max_rows_in_set",
    "max_rows_to_group_by", "max_rows_to_read", "max_rows_to_sort", "max_threads", "offset",
    "optimize_aggregation_in_order", "optimize_move_to_prewhere", "optimize_read_in_order",
    "prefer_column_name_to_alias", "priority", "receive_timeout", "result_overflow_mode",
    "send_progress_in_http_headers", "send_timeout", "session_timezone", "timeout_overflow_mode",
    "totals_mode", "transform_null_in", "union_default_mode", "use_skip_indexes",
    "use_uncompressed_cache",
}  # fmt: skip
_SETTING_PREFIXES = (
    "output_format_", "format_csv_", "format_tsv_", "format_custom_", "bool_true_", "bool_false_",
)  # fmt: skip
# The schema would be written into a file of that name.
_NEVER = {"output_format_schema"}


class Policy:
    """The rules, with the names of this engine's table functions."""

    def __init__(self, table_functions: Iterable[str]) -> None:
        known = {name.lower() for name in table_functions}
        self._forbidden_tables = known - _HARMLESS_TABLE_FUNCTIONS

    def check_settings(self, role: Role, names: Iterable[str]) -> None:
        """Refuse settings that an analyst may not change.

        Raises:
            ServerError: One of them is not on the list.
        """
        for name in names:
            listed = name in _SETTINGS or name.startswith(_SETTING_PREFIXES)
            if role == "analyst" and (not listed or name in _NEVER):
                raise ServerError(READONLY, f"Cannot modify '{name}' setting: it is not allowed")

    def check_kind(self, role: Role, statement: Statement, group: str) -> None:
        """Refuse statements by what they are.

        Args:
            role: Role of the account.
            statement: What `statements.parse` says of it.
            group: The engine's own class of it (READ_ONLY, MUTATING, CONTROL, ...).

        Raises:
            ServerError: The account may not run it.
        """
        if statement.uses_file:
            raise ServerError(
                ACCESS_DENIED, "Not enough privileges: INTO OUTFILE and FROM INFILE are not allowed"
            )
        allowed = group == "READ_ONLY" or statement.kind in ("set", "use", "kill_query")
        if role == "analyst" and not allowed:
            raise ServerError(READONLY, "Cannot execute query in readonly mode")

    def check_text(self, canonical: str, params: Mapping[str, str]) -> None:
        """Refuse what an analyst's statement says; its kind is allowed.

        Args:
            canonical: The statement as the engine formats it.
            params: Values of its parameters; those that stand for identifiers are checked too.

        Raises:
            ServerError: It names a forbidden function or changes a forbidden setting.
        """
        mentioned = mentioned_names(canonical)
        for parameter in identifier_parameters(canonical):
            if parameter not in params:
                raise ServerError(ACCESS_DENIED, f"Substitution '{parameter}' is not set")
            mentioned |= mentioned_names(params[parameter]) | {params[parameter]}
        forbidden = {name for name in mentioned if _FORBIDDEN_FUNCTIONS.fullmatch(name.lower())}
        forbidden |= {n for n in called_names(canonical) if n.lower() in self._forbidden_tables}
        if forbidden:
            names = ", ".join(sorted(forbidden))
            raise ServerError(
                ACCESS_DENIED,
                f"Not enough privileges: '{names}' is not allowed. If it is a column, name its "
                "table: t.column",
            )
        self.check_settings("analyst", changed_settings(canonical))
