"""Alibaba's trace of 2025: instances of services that serve recommendation models, on CPU nodes and GPU nodes.

One CSV file with a header line, ``disaggregated_DLRM_trace.csv``; its columns are documented in the README of
alibaba/clusterdata, cluster-trace-gpu-v2025. Times are in seconds from the start of the trace, which has about 31 days.

How an instance becomes a job
-----------------------------
- An instance is a job of one container of the class ``service``; its service (``app_name``) is the user. They were
  mostly created one by one: of those whose time of creation is known, two in three share it with none of their service.
- It asks for its requests. Limits are the same for CPU, GPU, memory and RDMA; what else they say is not modelled.
- A service of which a node takes one instance only (``max_instance_per_node`` 1) gives its name to its jobs, and their
  containers are apart: none shares a host with another of that name. Larger limits are not modelled, only counted.
- It runs from ``scheduled_time`` to ``deletion_time``. A ``creation_time`` that is empty is before the trace: it is
  submitted at time 0 then, and runs on from there. A ``deletion_time`` that is empty is after its end: it runs without
  end. One that has been created and never scheduled runs as long as it was wanted.
- The recording ends at the latest time in the file; the true end is not published.
- The README calls all of them latency-sensitive and of high priority: all priorities are 0, since none differs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa

from policies.arrays import BoolArray, FloatArray
from policies.errors import UserError
from traces.hosts import TOO_MUCH
from traces.reading import jobs
from traces.reading.arrays import arrow_of
from traces.reading.columns import amount
from traces.reading.options import DEFAULT, ReadOptions
from traces.reading.ordered import ordered
from traces.reading.rejects import OnBadRow, Rejects
from traces.reading.sniff import first_rows, parts
from traces.reading.tables import Batch, Reader
from traces.trace import OPEN_ENDED, Arrival, Trace
from traces.units import EXACT, GPU_MILLI, MILLI, thousandths

TABLE = "disaggregated_DLRM_trace"

COLUMNS = (
    "instance_sn", "role", "app_name", "cpu_request", "cpu_limit", "gpu_request", "gpu_limit", "rdma_request",
    "rdma_limit", "memory_request", "memory_limit", "disk_request", "disk_limit", "max_instance_per_node",
    "creation_time", "scheduled_time", "deletion_time",
)  # fmt: skip
TIMES = COLUMNS[-3:]

#: What the limits say where a node takes as many instances as fit.
NO_LIMIT = -1

GIB = 2**30

#: Stands for a time before the trace or after it.
_OUTSIDE = -1.0


class AlibabaDlrm2025(Trace):
    """The instances in order of creation.

    Parameters
    ----------
    path : Path
        The file, gzipped or not, or its folder.
    rejects : Rejects
        What to do with rows that cannot be used.

    Notes
    -----
    The file is read twice: once to find out when the recording ends. It does not stand in order of time; memory does
    not grow with it: see `traces.reading.ordered`.
    """

    format: ClassVar[str] = "alibaba_dlrm2025"
    dataset: ClassVar[str] = "Alibaba cluster-trace-gpu-v2025 (disaggregated DLRM serving)"
    licence: ClassVar[str] = "for research or study (alibaba/clusterdata); no formal licence"
    credit: ClassVar[str] = (
        "Alibaba cluster-trace-gpu-v2025; Yang et al., GPU-Disaggregated Serving for Deep Learning Recommendation "
        "Models at Scale, USENIX NSDI 2025"
    )

    def __init__(self, path: Path, rejects: Rejects, options: ReadOptions = DEFAULT) -> None:
        super().__init__(path, rejects, options)
        self._last_s: float | None = None
        self._done = 0

    def arrivals(self) -> Iterator[Arrival]:
        """Yield the instances in order of creation; those of one time in order of their names."""
        self.rejects.begin()
        self.odd.clear()
        self._done = 0
        for arrival in jobs.arrivals(ordered(self._blocks(), by=["submit_s", "job"])):
            self._done += arrival.job.tasks
            yield arrival

    def end_s(self) -> float | None:
        """Say when the recording ends: at the latest time in the file."""
        if self._last_s is None:
            # What is wrong with rows is told when they are read for good.
            latest = (
                float(np.max(np.array(times)[:, good], initial=0.0))
                for batch, times in self._batches(Rejects(OnBadRow.SKIP))
                for good in [batch.good()]
            )
            self._last_s = max(latest, default=0.0)
        return self._last_s or None

    def progress(self) -> float:
        """Say which share of the instances was yielded."""
        return self._done / max(self.rejects.accepted, 1)

    def assumptions(self) -> list[str]:
        """List units, what is not modelled, and how often the trace was odd."""
        return [
            f"the recording ends at the latest time in the file, {self.end_s() or 0.0:.15g} s; its true end is not "
            "published",
            "CPU is in cores, GPUs in devices, memory in GiB (2^30 bytes); limits beside requests are not modelled",
            "role (CN, HN: node of CPUs or of GPUs) is no constraint: what asks for a GPU needs a host that has one",
            "there are no priorities; all are 0",
            "there are no hosts",
            *self.counted(),
        ]

    def files(self) -> list[Path]:
        """List the file or its parts."""
        found = parts(self.path, TABLE)
        if not found:
            raise UserError(f"{self.path}: has no {TABLE}.csv")
        return found

    def _batches(self, rejects: Rejects) -> Iterator[tuple[Batch, tuple[FloatArray, FloatArray, FloatArray]]]:
        """Give batches whose times were checked: those of creation, scheduling and deletion."""
        for path in self.files():
            for batch in Reader(path, rejects, required=COLUMNS).batches():
                yield batch, _times(batch)

    def _blocks(self) -> Iterator[pa.RecordBatch]:
        for batch, (created, scheduled, deleted) in self._batches(self.rejects):
            cores, gpus, memory, disk, rdma = (
                amount(batch, name, per_unit, too_much=TOO_MUCH)
                for name, per_unit in (
                    ("cpu_request", MILLI), ("gpu_request", GPU_MILLI), ("memory_request", GIB), ("disk_request", GIB),
                    ("rdma_request", 1),
                )
            )  # fmt: skip
            most = batch.number("max_instance_per_node")
            batch.mark(
                ~((most == NO_LIMIT) | ((most >= 1) & (np.rint(most) == most))),
                f"max_instance_per_node must be {NO_LIMIT} or a whole number from 1", most,
            )  # fmt: skip
            batch.require("instance_sn", "app_name")
            texts = {name: batch.column(name) for name in ("instance_sn", "app_name")}
            good = batch.reject(self.rejects)

            apart = most[good] == 1
            created, scheduled, deleted = created[good], scheduled[good], deleted[good]
            before, still_there = created == _OUTSIDE, deleted == _OUTSIDE
            never = (scheduled == _OUTSIDE) & ~before
            began = np.where(scheduled == _OUTSIDE, np.where(before, 0.0, created), scheduled)
            for text, odd in (
                ("instances of before the trace: submitted at time 0", before),
                ("instances that were there when the recording ended: they run without end", still_there),
                ("instances that were never scheduled: they run as long as they were wanted", never),
                ("instances of a service of which a host takes one only: apart, and named after it", apart),
                (
                    "instances of a service of which a host takes some (max_instance_per_node), not modelled",
                    most[good] > 1,
                ),
                ("instances that ask for disk space, which is not modelled", disk[good] > 0),
                ("instances that ask for RDMA, which is not modelled", rdma[good] > 0),
            ):
                self.odd[text] += int(odd.sum())
            names, services = (texts[name].take(arrow_of(good)) for name in ("instance_sn", "app_name"))
            yield jobs.block(
                good.size, submit_s=np.where(before, 0.0, created), workload="service", user=services, apart=apart,
                job=names if not apart.any() else _either(apart, services, names),
                duration_s=np.where(still_there, OPEN_ENDED, deleted - began),
                cpu_milli=thousandths(cores[good]), gpu_milli=thousandths(gpus[good]),
                memory_bytes=np.ceil(memory[good] * GIB),
            )  # fmt: skip


def _times(batch: Batch) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Give the times of creation, scheduling and deletion, `_OUTSIDE` where they are empty or ``NaN``."""
    columns = []
    for name in TIMES:
        values = batch.number(name)
        outside = np.isnan(values)
        batch.mark(~(outside | ((values >= 0) & (values < EXACT))), f"{name} must be 0 or more, or empty", values)
        columns.append(np.where(outside, _OUTSIDE, values))
    created, scheduled, deleted = columns
    batch.mark((scheduled != _OUTSIDE) & (scheduled < created), "scheduled_time is before creation_time", scheduled)
    batch.mark((deleted != _OUTSIDE) & (deleted < created), "deletion_time is before creation_time", deleted)
    batch.mark((deleted != _OUTSIDE) & (deleted < scheduled), "deletion_time is before scheduled_time", deleted)
    return created, scheduled, deleted


def _either(choose: BoolArray, these: pa.Array, others: pa.Array) -> pa.Array:
    """Give one text or the other, row by row."""
    pairs = zip(choose.tolist(), these.to_pylist(), others.to_pylist(), strict=True)
    return pa.array([this if chosen else other for chosen, this, other in pairs], pa.string())


def looks_like(path: Path) -> bool:
    """Say whether a path is the file of the data set or a folder that has it."""
    found = parts(path, TABLE)
    rows = first_rows(found[0], 1) if found else []
    return bool(rows) and set(rows[0]) == set(COLUMNS)


READER = AlibabaDlrm2025
