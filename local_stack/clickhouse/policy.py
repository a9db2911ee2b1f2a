"""What an account may ask for. For the analyst this is one layer of several (docs/adr/0011).

Decisions are made on the statement as the engine itself formats it (`formatQuery`): escaped
identifiers, odd spacing and comments are gone, so a name cannot be hidden from these rules.
"""

import re
from collections.abc import Iterable

from local_stack.clickhouse.accounts import Role
from local_stack.clickhouse.errors import ACCESS_DENIED, READONLY, ServerError
from local_stack.clickhouse.statements import Statement, called_names, changed_settings

# Table functions that compute or read tables; everything else reaches files or the network.
_HARMLESS_TABLE_FUNCTIONS = {
    "dictionary", "format", "fuzzjson", "generate_series", "generaterandom", "generateseries",
    "loop", "merge", "mergetreeindex", "null", "numbers", "numbers_mt", "primes", "values",
    "view", "viewexplain", "viewifpermitted", "zeros", "zeros_mt",
}  # fmt: skip
# Functions that read files, describe the process or call models over the network.
_FORBIDDEN_FUNCTIONS = re.compile(
    r"(?i)file|python|catboostevaluate|addressto.*|demangle|getmacro|ai(agg|classify|embed|extract"
    r"|filter|generate|redact|similarity|translate).*"
)
_FORBIDDEN_ENGINES = re.compile(
    r"(?i)\bENGINE\s*=?\s*`?(Kafka|RabbitMQ|NATS|URL|S3\w*|HDFS|AzureBlob\w*|AzureQueue|MySQL"
    r"|PostgreSQL|MaterializedPostgreSQL|MongoDB|Redis|ODBC|JDBC|SQLite|File|FileLog|Executable"
    r"|ExecutablePool|Python|EmbeddedRocksDB|Hudi|DeltaLake|Iceberg\w*|Hive|Distributed|Remote"
    r"|ExternalDistributed|YTsaurus|Paimon\w*|Arrow\w*|Lazy|DataLakeCatalog|Backup|Filesystem"
    r"|Overlay|TimeSeries|KeeperMap)\b"
)

# Settings an analyst may change: how results look, how joins run, limits under the profile's caps.
_SETTINGS = {
    "add_http_cors_header", "cancel_http_readonly_queries_on_client_close",
    "cast_string_to_dynamic_use_inference", "connect_timeout", "count_distinct_implementation",
    "date_time_input_format", "date_time_output_format", "distinct_overflow_mode",
    "do_not_merge_across_partitions_select_final", "empty_result_for_aggregation_by_empty_set",
    "enable_analyzer", "enable_http_compression", "enable_optimize_predicate_expression",
    "extremes",
    "final", "group_by_overflow_mode", "group_by_use_nulls", "http_headers_progress_interval_ms",
    "http_response_buffer_size", "http_zlib_compression_level", "join_algorithm",
    "join_default_strictness", "join_use_nulls", "limit", "log_queries", "max_block_size",
    "max_bytes_in_join", "max_bytes_to_read", "max_columns_to_read", "max_execution_time",
    "max_query_size", "max_result_bytes", "max_result_rows", "max_rows_in_join",
    "max_rows_in_set", "max_rows_to_group_by", "max_rows_to_read", "max_rows_to_sort",
    "max_threads", "offset", "optimize_aggregation_in_order", "optimize_move_to_prewhere",
    "optimize_read_in_order", "prefer_column_name_to_alias", "priority", "readonly",
    "receive_timeout", "result_overflow_mode", "send_progress_in_http_headers", "send_timeout",
    "session_timezone", "timeout_overflow_mode", "totals_mode", "transform_null_in",
    "union_default_mode", "use_skip_indexes", "use_uncompressed_cache", "wait_end_of_query",
    "async_insert", "input_format_null_as_default", "log_comment",
    "join_any_take_last_row", "output_format_schema_placeholder",
}  # fmt: skip
_SETTING_PREFIXES = ("output_format_", "format_csv_", "format_tsv_", "format_custom_",
                     "bool_true_", "bool_false_")  # fmt: skip
_NOT_THESE = ("output_format_schema",)


class Policy:
    """The rules, with the names of this engine's table functions."""

    def __init__(self, table_functions: Iterable[str]) -> None:
        self._forbidden_tables = {
            name.lower() for name in table_functions
        } - _HARMLESS_TABLE_FUNCTIONS

    def check_settings(self, role: Role, names: Iterable[str]) -> None:
        """Refuse settings that an analyst may not change.

        Raises:
            ServerError: One of them is not on the list.
        """
        if role == "pipeline":
            return
        for name in names:
            if name not in _SETTINGS and (
                not name.startswith(_SETTING_PREFIXES) or name in _NOT_THESE
            ):
                raise ServerError(READONLY, f"Cannot modify '{name}' setting: not allowed for you")

    def check(self, role: Role, statement: Statement, group: str, canonical: str) -> None:
        """Refuse a statement that the account may not run.

        Args:
            role: Role of the account.
            statement: What `statements.parse` says of it.
            group: The engine's own class of it (READ_ONLY, MUTATING, CONTROL, ...).
            canonical: Its text as the engine formats it, data of an INSERT left out.

        Raises:
            ServerError: It may not.
        """
        if statement.writes_file:
            raise ServerError(
                ACCESS_DENIED, "INTO OUTFILE and FROM INFILE are not allowed over HTTP"
            )
        engine = _FORBIDDEN_ENGINES.search(canonical)
        if engine and group != "READ_ONLY":
            raise ServerError(
                ACCESS_DENIED,
                f"ENGINE = {engine.group(1)} is refused: the embedded engine cannot run it, and "
                "some such tables make their database impossible to open",
            )
        names = {name.lower() for name in called_names(canonical)}
        for name in names:
            if _FORBIDDEN_FUNCTIONS.fullmatch(name) or name in self._forbidden_tables - {"format"}:
                raise ServerError(
                    ACCESS_DENIED, f"Not enough privileges: function '{name}' is not allowed"
                )
        if role == "pipeline":
            return
        if group != "READ_ONLY" and statement.kind not in ("set", "use", "kill"):
            raise ServerError(READONLY, "Cannot execute query in readonly mode")
        self.check_settings(role, changed_settings(canonical))
