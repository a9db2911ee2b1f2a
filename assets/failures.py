"""Errors that trying again cannot mend, told to Dagster so that it does not try again.

Dagster retries in three independent ways: an op's retry policy, run retries after a failure of a
step, and run retries after a crash. `allow_retries=False` speaks to the first only; the tag that
is stamped here speaks to the second. Crashes leave no exception and are retried always.
"""

import contextlib
from collections.abc import Iterator

import dagster as dg

from unmogrowp.errors import PermanentError

RETRY_TAG = "dagster/retry_on_asset_or_op_failure"

# What is worth another try: the other side was away or busy. Everything permanent ends at once.
RETRY_POLICY = dg.RetryPolicy(
    max_retries=3, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)


@contextlib.contextmanager
def permanent_failures(
    context: dg.OpExecutionContext | dg.AssetExecutionContext | dg.AssetCheckExecutionContext,
) -> Iterator[None]:
    """Turn a PermanentError of the block into a failure that nobody retries."""
    try:
        yield
    except PermanentError as error:
        raise permanent_failure(context, error) from error


def permanent_failure(
    context: dg.OpExecutionContext | dg.AssetExecutionContext | dg.AssetCheckExecutionContext,
    error: PermanentError,
) -> dg.Failure:
    """Stamp the run and return the failure to raise, so that call sites keep `raise … from`."""
    context.instance.add_run_tags(context.run.run_id, {RETRY_TAG: "false"})
    return dg.Failure(
        description=f"{type(error).__name__}: {error}",
        metadata={"error": type(error).__name__},
        allow_retries=False,
    )
