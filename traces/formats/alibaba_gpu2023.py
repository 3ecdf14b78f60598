"""Alibaba's GPU cluster trace of 2023 ("openb"): pods that were asked for on 1,523 machines within 149 days.

The data set is a folder of pod lists (``openb_pod_list_*.csv``, of which ``default`` was recorded and the others
were resampled from it) and of node lists. All times are in seconds from the start of the trace.

How a pod becomes a job
-----------------------
- One pod is one job of one container; its ``qos`` (LS, BE, Burstable, Guaranteed) is the workload class.
- It runs for ``deletion_time - scheduled_time``. A pod that was never scheduled (the phase is Pending) ran for no
  time, but somebody wanted it from ``creation_time`` until ``deletion_time``: that is taken for its run time, since
  in another cell, or under another scheduler, it might have been placed.
- Pods that failed ran until they were deleted, like all others.
- The recording ends at the latest ``deletion_time`` if more pods share it than share any other: they were still
  there, and how long they ran is not known (`traces.trace.OPEN_ENDED`). If nothing stands out, every pod ended.
- A pod that asks for GPUs and names types of them (``gpu_spec``, separated by ``|``) runs only on machines whose
  attribute ``gpu-model``, the ``model`` of the node list, is one of these.
- The data set has no priorities: all are 0. The order of the qos classes is a property of nodes under pressure
  (who is evicted first), not of who is scheduled first.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa

from policies.arrays import BoolArray, FloatArray, IntArray
from policies.errors import UserError
from policies.requests import Constraint, Operator
from traces.hosts import TOO_MUCH, Hosts, sizes
from traces.labels import write_constraints
from traces.reading import jobs
from traces.reading.arrays import arrow_of, filled, numpy_of
from traces.reading.options import DEFAULT, ReadOptions
from traces.reading.ordered import ordered
from traces.reading.rejects import OnBadRow, Rejects
from traces.reading.tables import Batch, Reader, column_names, read_whole
from traces.trace import OPEN_ENDED, Arrival, Trace
from traces.units import GPU_MILLI

DEFAULT_PODS = "openb_pod_list_default.csv"
NODES = "openb_node_list_all_node.csv"

REQUESTS = ("name", "cpu_milli", "memory_mib", "num_gpu", "gpu_milli")
#: The lists called ``multigpu`` have none of them.
TIMES = ("creation_time", "deletion_time", "scheduled_time")
NODE_COLUMNS = ("sn", "cpu_milli", "memory_mib", "gpu")

#: The attribute of machines that says of which type their GPUs are.
GPU_MODEL = "gpu-model"

MIB = 2**20


class AlibabaGpu2023(Trace):
    """The pods of one list, in order of creation.

    Parameters
    ----------
    path : Path
        The folder (then the list is `DEFAULT_PODS`) or one pod list; the machines are in `NODES` beside it. Each may
        be gzipped, under the same name or with ``.gz`` behind it.
    rejects : Rejects
        What to do with pods that cannot be used.

    Notes
    -----
    The list does not stand in order of time and is read twice: once to find out when the recording ends. Memory does
    not grow with it: see `traces.reading.ordered`.
    """

    format: ClassVar[str] = "alibaba_gpu2023"
    dataset: ClassVar[str] = "Alibaba cluster-trace-gpu-v2023 (openb)"
    licence: ClassVar[str] = "for research or study (alibaba/clusterdata); no formal licence of this folder"
    credit: ClassVar[str] = (
        "Alibaba cluster-trace-gpu-v2023; Weng et al., Beware of Fragmentation, USENIX ATC 2023; for research or study"
    )

    def __init__(self, path: Path, rejects: Rejects, options: ReadOptions = DEFAULT) -> None:
        super().__init__(path, rejects, options)
        self._pod_list = _there(path, DEFAULT_PODS) if path.is_dir() else path
        self._node_list = _there(path if path.is_dir() else path.parent, NODES)
        self._end: tuple[float | None] | None = None  # what `end_s` gives, once it is known
        self._done = 0

    def arrivals(self) -> Iterator[Arrival]:
        """Yield the pods in order of creation; pods of one second in order of their names."""
        end_s = self.end_s()
        self.rejects.begin()
        self.odd.clear()
        self._done = 0
        for arrival in jobs.arrivals(ordered(self._blocks(end_s), by=["submit_s", "job"])):
            self._done += 1
            yield arrival

    def hosts(self) -> Hosts | None:
        """Give the machines, None where their list is not beside the pod list.

        Raises
        ------
        UserError
            Naming the file and row of a machine that cannot be used.
        """
        if not self._node_list.exists():
            return None
        table = read_whole(self._node_list, NODE_COLUMNS, ("model",))
        names, models = table.text("sn"), table.text("model")
        cpu, memory, gpus = (_whole(table, name) for name in NODE_COLUMNS[1:])
        table.mark(np.array([not name for name in names]), "sn is empty", names)
        table.refuse()
        attributes = [{GPU_MODEL: model} if model else {} for model in models]
        return Hosts(
            names, sizes(cpu, memory * MIB, gpus * GPU_MILLI), np.ones(len(names), dtype=bool), attributes=attributes
        )  # fmt: skip

    def end_s(self) -> float | None:
        """Say when the recording ends: the deletion time of the pods that were still there."""
        if self._end is None:
            # What is wrong with rows is told when they are read for good.
            batches = self._batches(Rejects(OnBadRow.SKIP))
            times = (pa.record_batch({"deleted_s": arrow_of(deleted[good])}) for _, good, deleted in batches)
            self._end = (_end_s(ordered(times, by=["deleted_s"])),)
        return self._end[0]

    def progress(self) -> float:
        """Say which share of the pods was yielded."""
        return self._done / max(self.rejects.accepted, 1)

    def assumptions(self) -> list[str]:
        """List what the pods' lives were taken for, with counts."""
        counted = [
            f"{self._pod_list}: {count:,} of {self.rejects.accepted:,} {text}"
            for text, count in self.odd.items()
            if count
        ]
        return [*counted, f"{self._pod_list}: there are no priorities; all are 0"]

    def files(self) -> list[Path]:
        """List the pod list and, where it is there, the node list."""
        return [self._pod_list] + ([self._node_list] if self._node_list.exists() else [])

    def _batches(self, rejects: Rejects) -> Iterator[tuple[Batch, IntArray, FloatArray]]:
        """Give batches that were checked, the positions of their good rows, and the times of deletion."""
        names = set(column_names(self._pod_list))
        if names.issuperset(REQUESTS) and names.isdisjoint(TIMES):
            raise UserError(f"{self._pod_list}: this list has no times, only requests: there is nothing to replay")
        required, optional = (*REQUESTS, "qos", *TIMES), ("gpu_spec", "pod_phase")
        for batch in Reader(self._pod_list, rejects, required=required, optional=optional).batches():
            gpus, share = [_whole(batch, name) for name in REQUESTS[1:]][2:]
            created, deleted = (batch.number(name) for name in TIMES[:2])
            began = _began(batch, created)
            for name, values in (("creation_time", created), ("deletion_time", deleted)):
                batch.mark(~((values >= 0) & (values < np.inf)), f"{name} must be 0 or more", values)
            batch.mark(~(began >= created), "scheduled_time is before creation_time", began)
            batch.mark(~(deleted >= began), "deletion_time is before scheduled_time or creation_time", deleted)
            batch.mark((gpus == 1) & ((share < 1) | (share > GPU_MILLI)), "gpu_milli must be 1 to 1000", share)
            batch.require("name", "qos")
            batch.column("gpu_spec")  # marks NULs
            yield batch, batch.reject(rejects), deleted

    def _blocks(self, end_s: float | None) -> Iterator[pa.RecordBatch]:
        for batch, good, deleted in self._batches(self.rejects):
            # Of good rows alone: with what the others have nothing can be reckoned.
            cpu, memory, gpus, share = (batch.number(name)[good] for name in REQUESTS[1:])
            created, deleted = batch.number("creation_time"), deleted[good]
            began, created = _began(batch, created)[good], created[good]
            milli_gpus = np.where(gpus == 1, share, gpus * GPU_MILLI)
            take = arrow_of(good)
            typed, constraints = _constraints(batch.column("gpu_spec").take(take), gpus > 0)
            never = batch.number("scheduled_time", missing=np.inf)[good] == np.inf
            still_there = deleted == end_s
            for text, odd in (
                ("pods were never scheduled; their run time is the time for which they were wanted", never),
                (f"pods were still there when the recording ended ({end_s} s): they run without end", still_there),
                (f"pods ask for types of GPU (gpu_spec): only machines of that {GPU_MODEL} will do", typed),
                (
                    "pods ask for a part of a GPU; parts are summed per host: fragments of devices are not seen",
                    milli_gpus % GPU_MILLI != 0,
                ),
            ):
                self.odd[text] += int(odd.sum())
            yield jobs.block(
                good.size, submit_s=created, duration_s=np.where(still_there, OPEN_ENDED, deleted - began),
                cpu_milli=cpu, memory_bytes=memory * MIB, gpu_milli=milli_gpus, constraints=constraints,
                job=batch.column("name").take(take), workload=batch.column("qos").take(take),
            )  # fmt: skip


def _began(batch: Batch, created: FloatArray) -> FloatArray:
    """Give the times of scheduling; of pods that were never scheduled those of creation."""
    scheduled = batch.number("scheduled_time", missing=np.inf)
    return np.where(scheduled == np.inf, created, scheduled)


def _constraints(specs: pa.Array, has_gpu: BoolArray) -> tuple[BoolArray, pa.Array]:
    """Say which pods name types of GPU, and give the constraints of all as text."""
    types = filled(specs).dictionary_encode()
    texts = []
    for spec in types.dictionary.to_pylist():
        models = tuple(model for model in spec.split("|") if model)
        texts.append(write_constraints([Constraint(GPU_MODEL, Operator.IN, models)]) if models else "")
    nobody = len(texts)
    codes = np.where(has_gpu, numpy_of(types.indices), nobody)
    typed = np.array([*map(bool, texts), False])[codes]
    return typed, pa.array([*texts, ""], pa.string()).take(arrow_of(codes))


def _whole(table: Batch, name: str) -> FloatArray:
    """Give a column of whole amounts."""
    values = table.number(name)
    table.mark(~((values >= 0) & (np.rint(values) == values)), f"{name} must be a whole number from 0", values)
    table.mark(values >= TOO_MUCH / MIB, f"{name} is more than any machine has", values)
    return values


def _end_s(blocks: Iterator[pa.RecordBatch]) -> float | None:
    """Give the latest time of deletion, of times in order, if more pods share it than share any other time."""
    last_s, sharing, most = 0.0, 0, 1  # a time of one pod stands out against none
    for block in blocks:
        times, counts = np.unique(numpy_of(block["deleted_s"]), return_counts=True)
        for at_s, count in zip(times.tolist(), counts.tolist(), strict=True):
            if at_s != last_s:
                most = max(most, sharing)
                last_s, sharing = at_s, 0
            sharing += count
    return last_s if sharing > most else None


def _there(folder: Path, name: str) -> Path:
    """Give the file of that name, or the gzipped one where only that is there."""
    zipped = folder / f"{name}.gz"
    return zipped if zipped.is_file() and not (folder / name).exists() else folder / name


def looks_like(path: Path) -> bool:
    """Say whether a path is the folder of the data set or one of its pod lists, be it one without times."""
    if path.is_dir():
        return _there(path, DEFAULT_PODS).is_file()
    try:
        return set(REQUESTS).issubset(column_names(path))
    except UserError:
        return False


READER = AlibabaGpu2023
