"""From links to rows of clean.identities: reach what changed, number it, stitch it, stage the rows.

What is affected by new links is what can be reached from their ends. Nothing is reached through a
node with too many neighbours, because it connects nothing; so an incremental build looks at the
components that new links touch, and a full one at everything, by the same statements.
"""

import numpy as np
import polars as pl
import pyarrow as pa

from unmogrowp.errors import AuditFailed
from unmogrowp.identity.builds import Build
from unmogrowp.identity.components import Stitched, stitch
from unmogrowp.identity.scratch import Scratch
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.contracts import check_sentences
from unmogrowp.warehouse.quality import QualityResult

# Numbers stand for nodes by hash; of ten million nodes two are equal once in 400,000 builds.
SALTS = 5


class Graph:
    """The part of the graph that one build stitches again."""

    def __init__(self, warehouse: Warehouse, build: Build, tables: Scratch) -> None:
        self._warehouse = warehouse
        self._build = build
        self._tables = tables
        self.checks: list[QualityResult] = []

    def reach(self) -> None:
        """Fill `reached` with every node whose component the build can change.

        A full build can change all of them, and leaves the table empty.
        """
        reached = {"reached": self._tables["reached"]}
        limit = {"limit": self._build.component_limit}
        if self._build.is_full:
            return
        self._warehouse.run("identity/reach_changed", {**reached, "build_id": self._build.build_id})
        self._warehouse.execute(
            f"INSERT INTO {self._tables.full('reached')}"  # noqa: S608 - our own names
            f" SELECT app_id, device_key, 0 FROM {self._tables.full('devices')}"
        )
        self._warehouse.run("identity/reach_new_hubs", {**reached, **limit})
        before, count, number = 0, self._tables.count("reached"), 0
        while count > before:
            self._warehouse.run("identity/reach_neighbours", {**reached, **limit, "round": number})
            before, count, number = count, self._tables.count("reached"), number + 1

    def place(self) -> int:
        """Fill `placed` with the component of each reached node; return how many are cut."""
        near = {"near": self._tables["near"]}
        if self._build.is_full:
            self._warehouse.run("identity/copy_seen", {**near, "seen": self._tables["seen"]})
        else:
            self._warehouse.run("identity/copy_links", {**near, "reached": self._tables["reached"]})
        salt = self._number_nodes()
        names = {name: self._tables[name] for name in ("nodes", "labels", "placed")}
        stitched, numbers, neighbour_counts = self._stitch(salt)
        labels = _labels(stitched, numbers, neighbour_counts)
        if labels.num_rows:
            self._warehouse.insert_arrow(
                self._tables.full("labels"),
                labels,
                token=f"labels/{self._tables['labels']}",
                settings={"min_insert_block_size_rows": 1_000_000},
            )
        self._warehouse.run("identity/place_nodes", names)
        return len(stitched.cuts)

    def stage(self) -> int:
        """Fill `wanted`, `present` and `changes`; return how many rows come, go or change.

        Raises:
            AuditFailed: The wanted rows break their contract.
        """
        names = {
            name: self._tables[name] for name in ("near", "reached", "placed", "present", "wanted")
        }
        common = {"build_id": self._build.build_id, "is_full": self._build.is_full}
        self._warehouse.run(
            "identity/stage_identities",
            {**names, "build_id": self._build.build_id, "target": names["wanted"]},
        )
        self.checks = check_sentences(
            self._warehouse,
            "identity/check_identities",
            "clean.identities",
            "",
            {"staging": names["wanted"], "limit": self._build.component_limit},
        )
        if self._build.is_full and not self._warehouse.scalar(
            "SELECT count() FROM clean.identities"
        ):
            # Nothing to compare with: everything is new.
            self._warehouse.execute(
                f"INSERT INTO {self._tables.full('changes')}"  # noqa: S608 - our own names
                f" SELECT * FROM {self._tables.full('wanted')}"
            )
            return self._tables.count("changes")
        self._warehouse.run(
            "identity/present_rows",
            {**common, "target": names["present"], "reached": names["reached"]},
        )
        self._warehouse.run(
            "identity/stage_changes", {**common, **names, "target": self._tables["changes"]}
        )
        return self._tables.count("changes")

    def _number_nodes(self) -> int:
        """Fill `nodes`; return the salt with which no two of them have one number."""
        table = self._tables.full("nodes")
        for salt in range(SALTS):
            self._warehouse.execute(f"TRUNCATE TABLE {table}")
            self._warehouse.run(
                "identity/nodes",
                {"nodes": self._tables["nodes"], "near": self._tables["near"], "salt": salt},
            )
            count, distinct, zeros = self._warehouse.rows(
                f"SELECT count(), uniqExact(number), countIf(number = 0) FROM {table}"  # noqa: S608
            )[0]
            if count == distinct and not zeros:
                return salt
        raise AuditFailed(f"two identifiers have one number with each of {SALTS} salts")

    def _stitch(self, salt: int) -> tuple[Stitched, pl.Series, pl.Series]:
        nodes = self._warehouse.named_frame(
            "identity/node_numbers", {"nodes": self._tables["nodes"]}
        )
        edges = self._warehouse.named_frame(
            "identity/edges", {"near": self._tables["near"], "salt": salt}
        )
        places = nodes.select("number").with_row_index("place")
        ends = edges.join(places, left_on="one", right_on="number").join(
            places, left_on="two", right_on="number", suffix="_two"
        )
        stitched = stitch(
            nodes.height,
            ends.select("place", "place_two").to_numpy().astype(np.int64),
            self._build.component_limit,
            hubs=(nodes["neighbour_count"] > self._build.component_limit).to_numpy(),
        )
        return stitched, nodes["number"], nodes["neighbour_count"]


def _labels(stitched: Stitched, numbers: pl.Series, neighbour_counts: pl.Series) -> pa.Table:
    """Return the nodes that have another name than their own, or that are cut."""
    cuts = {cut.node: cut for cut in stitched.cuts}
    is_labelled = stitched.names != np.arange(stitched.names.size)
    is_labelled[list(cuts)] = True
    nodes = np.flatnonzero(is_labelled)
    found = [cuts.get(int(node)) for node in nodes]
    hashes = numbers.to_numpy()
    return pa.table(
        {
            "number": pa.array(hashes[nodes], pa.uint64()),
            "name": pa.array(hashes[stitched.names[nodes]], pa.uint64()),
            "cut": pa.array(["" if cut is None else cut.reason for cut in found], pa.string()),
            "neighbour_count": pa.array(
                [
                    0
                    if cut is None
                    else neighbour_counts[cut.node]
                    if cut.reason == "too_many_neighbours"
                    else cut.neighbour_count
                    for cut in found
                ],
                pa.uint64(),
            ),
            "component_size": pa.array(
                [0 if cut is None else cut.component_size for cut in found], pa.uint64()
            ),
        }
    )
