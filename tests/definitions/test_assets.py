"""The graph as data: what changes here changes what people see, so it changes in review."""

import dagster as dg
import pytest

from orchestration.definitions import defs
from orchestration.validate import asset_faults, workspace_faults


def graph():
    return defs.resolve_asset_graph()


def test_every_asset_has_owner_group_grain_columns_and_both_checks():
    assert list(asset_faults(defs)) == []


def test_the_workspace_names_the_location_that_the_project_names():
    assert list(workspace_faults()) == []


def test_every_table_of_the_warehouse_is_an_asset():
    from unmogrowp.warehouse.table_registry import tables

    layers = {"raw", "clean", "mart", "audit"}
    expected = {name for name, table in tables().items() if table.database in layers}
    assert {".".join(key.path) for key in graph().get_all_asset_keys()} == expected


def test_contract_checks_block_and_drift_checks_do_not():
    specs = [node.get(key) for node in [graph()] for key in graph().asset_check_keys]
    blocking = {check.key.name for check in specs if check.blocking}
    assert blocking == {"keeps_its_contract"}


def test_a_partitioned_check_has_the_partitions_of_its_asset():
    for key in graph().asset_check_keys:
        check = graph().get(key)
        if key.name != "micro_batches_keep_their_contract":
            assert check.partitions_def == graph().get(key.asset_key).partitions_def, key


@pytest.mark.parametrize(
    "job_name",
    [
        "ingest_job",
        "rebuild_job",
        "identity_job",
        "marts_job",
        "credit_job",
        "fraud_job",
        "audit_job",
        "maintenance_job",
    ],
)
def test_every_job_says_what_it_does_and_runs_in_one_process(job_name):
    job = defs.get_job_def(job_name)
    assert job.description
    assert job.executor_def.name == dg.in_process_executor.name


def test_whatever_writes_tables_waits_in_a_pool():
    pools = {
        op.name: op.pool
        for job in (
            "ingest_job",
            "rebuild_job",
            "marts_job",
            "credit_job",
            "fraud_job",
            "maintenance_job",
        )
        for op in defs.get_job_def(job).all_node_defs
    }
    assert pools == {
        "land_micro_batches": "landing",
        "rebuild_clean_days": "landing",
        "stitch_identities": "marts",
        "build_due_days": "marts",
        "build_due_credit": "marts",
        "judge_days": "marts",
        "prune_raw_rows": "landing",
        "prune_runs": None,
        "drop_leftovers": "landing",
    }


def test_no_schedule_runs_at_the_full_hour():
    schedules = defs.get_repository_def().schedule_defs
    assert schedules
    for schedule in schedules:
        assert str(schedule.cron_schedule).split()[0] not in {"0", "*"}
        assert schedule.execution_timezone == "UTC"


def test_the_asset_specs_are_these(snapshot):
    found = {}
    for key in sorted(graph().get_all_asset_keys()):
        node = graph().get(key)
        found[key.to_user_string()] = {
            "group": node.group_name,
            "owners": sorted(node.owners),
            "kinds": sorted(node.kinds),
            "tags": dict(sorted(node.tags.items())),
            "grain": (node.description or "").splitlines()[0],
            "deps": sorted(parent.to_user_string() for parent in node.parent_keys),
            "is_partitioned": node.partitions_def is not None,
            "is_executable": node.is_executable,
            "checks": sorted(
                check.name for check in graph().asset_check_keys if check.asset_key == key
            ),
        }
    assert found == snapshot
