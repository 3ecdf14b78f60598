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
- The data set has no priorities: all are 0. The order of the qos classes is a property of nodes under pressure
  (who is evicted first), not of who is scheduled first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from policies.arrays import FloatArray
from policies.errors import UserError
from policies.requests import Group, Job, Resources, Task
from traces.hosts import TOO_MUCH, Hosts, sizes
from traces.reading.options import DEFAULT, ReadOptions
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

MIB = 2**20


class _Pod(NamedTuple):
    created_s: float
    name: str
    workload: str
    task: Task
    run_s: float
    deleted_s: float


class _Pods(NamedTuple):
    """The pods of one list in order of creation, and what had to be assumed about them."""

    pods: list[_Pod]
    end_s: float | None
    never_scheduled: int
    typed: int  # those that ask for types of GPU
    sharing: int  # those that ask for a part of a GPU


class AlibabaGpu2023(Trace):
    """The pods of one list, in order of creation.

    Parameters
    ----------
    path : Path
        The folder (then the list is `DEFAULT_PODS`) or one pod list; the machines are in `NODES` beside it.
    rejects : Rejects
        What to do with pods that cannot be used.
    """

    format: ClassVar[str] = "alibaba_gpu2023"
    credit: ClassVar[str] = (
        "Alibaba cluster-trace-gpu-v2023; Weng et al., Beware of Fragmentation, USENIX ATC 2023; for research or study"
    )

    def __init__(self, path: Path, rejects: Rejects, options: ReadOptions = DEFAULT) -> None:
        super().__init__(path, rejects, options)
        folder = path if path.is_dir() else path.parent
        self._pod_list = path / DEFAULT_PODS if path.is_dir() else path
        self._node_list = folder / NODES
        self._pods: _Pods | None = None
        self._position = 0.0

    def arrivals(self) -> Iterator[Arrival]:
        """Yield the pods in order of creation; pods of one second in order of their names."""
        self.rejects.begin()
        # The list does not stand in order of time, so all of it is read before the first pod comes.
        self._pods = self._read(self.rejects)
        pods, end_s, *_ = self._pods
        for number, pod in enumerate(pods, start=1):
            self._position = number / len(pods)
            job = Job(pod.name, pod.created_s, pod.workload, (Group(pod.task, 1),))
            yield Arrival(job, (OPEN_ENDED if pod.deleted_s == end_s else pod.run_s,))

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
        names = table.text("sn")
        cpu, memory, gpus = (_whole(table, name) for name in NODE_COLUMNS[1:])
        table.mark(np.array([not name for name in names]), "sn is empty", names)
        table.refuse()
        return Hosts(names, sizes(cpu, memory * MIB, gpus * GPU_MILLI), np.ones(len(names), dtype=bool))

    def end_s(self) -> float | None:
        """Say when the recording ends: the deletion time of the pods that were still there."""
        return self._known().end_s

    def progress(self) -> float:
        """Say which share of the pods was yielded."""
        return self._position

    def assumptions(self) -> list[str]:
        """List what the pods' lives were taken for, with counts."""
        pods, end_s, never_scheduled, typed, sharing = self._known()
        still_there = sum(pod.deleted_s == end_s for pod in pods)
        notes = (
            (never_scheduled, "pods were never scheduled; their run time is the time for which they were wanted"),
            (still_there, f"pods were still there when the recording ended ({end_s} s): they run without end"),
            (typed, "pods ask for types of GPU (gpu_spec), which is not modelled yet"),
            (sharing, "pods ask for a part of a GPU; parts are summed per host: fragments of devices are not seen"),
        )
        counted = [f"{self._pod_list}: {count:,} of {len(pods):,} {text}" for count, text in notes if count]
        return [*counted, f"{self._pod_list}: there are no priorities; all are 0"]

    def files(self) -> list[Path]:
        """List the pod list and, where it is there, the node list."""
        return [self._pod_list] + ([self._node_list] if self._node_list.exists() else [])

    def _known(self) -> _Pods:
        """Give what `arrivals` read, or read it now, leaving bad rows for `arrivals` to complain about."""
        self._pods = self._pods or self._read(Rejects(OnBadRow.SKIP))
        return self._pods

    def _read(self, rejects: Rejects) -> _Pods:
        names = set(column_names(self._pod_list))
        if names.issuperset(REQUESTS) and names.isdisjoint(TIMES):
            raise UserError(f"{self._pod_list}: this list has no times, only requests: there is nothing to replay")
        required, optional = (*REQUESTS, "qos", *TIMES), ("gpu_spec", "pod_phase")
        reader = Reader(self._pod_list, rejects, required=required, optional=optional)
        pods: list[_Pod] = []
        never_scheduled = typed = sharing = 0
        for batch in reader.batches():
            ids, workloads, types = batch.text("name"), batch.text("qos"), batch.text("gpu_spec")
            cpu, memory, gpus, share = (_whole(batch, name) for name in REQUESTS[1:])
            created, deleted = (batch.number(name) for name in TIMES[:2])
            # Empty for pods that were never scheduled.
            scheduled = batch.number("scheduled_time", missing=np.inf)
            began = np.where(scheduled == np.inf, created, scheduled)
            for name, values in (("creation_time", created), ("deletion_time", deleted)):
                batch.mark(~((values >= 0) & (values < np.inf)), f"{name} must be 0 or more", values)
            batch.mark(~(began >= created), "scheduled_time is before creation_time", scheduled)
            batch.mark(~(deleted >= began), "deletion_time is before scheduled_time or creation_time", deleted)
            batch.mark((gpus == 1) & ((share < 1) | (share > GPU_MILLI)), "gpu_milli must be 1 to 1000", share)
            for name, texts in (("name", ids), ("qos", workloads)):
                batch.mark(np.array([not text for text in texts], dtype=bool), f"{name} is empty", texts)
            good = batch.reject(rejects)
            milli_gpus = np.where(gpus == 1, share, gpus * GPU_MILLI)
            whole = np.array([cpu, memory * MIB, milli_gpus])[:, good].astype(np.int64)
            never_scheduled += int((scheduled[good] == np.inf).sum())
            sharing += int((whole[2] % GPU_MILLI != 0).sum())
            typed += sum(bool(types[row]) for row in good)
            pods.extend(
                _Pod(float(created[row]), ids[row], workloads[row], Task(Resources(*need)), run_s, float(deleted[row]))
                for row, need, run_s in zip(good, whole.T.tolist(), (deleted - began)[good].tolist(), strict=True)
            )
        return _Pods(sorted(pods), _end_s(pods), never_scheduled, typed, sharing)


def _whole(table: Batch, name: str) -> FloatArray:
    """Give a column of whole amounts."""
    values = table.number(name)
    table.mark(~((values >= 0) & (np.rint(values) == values)), f"{name} must be a whole number from 0", values)
    table.mark(values >= TOO_MUCH / MIB, f"{name} is more than any machine has", values)
    return values


def _end_s(pods: Sequence[_Pod]) -> float | None:
    """Give the latest time of deletion, if more pods share it than share any other time."""
    deleted = Counter(pod.deleted_s for pod in pods)
    last_s = max(deleted, default=0.0)
    pods_at_last = deleted.pop(last_s, 0)
    return last_s if pods_at_last > max(deleted.values(), default=1) else None


def looks_like(path: Path) -> bool:
    """Say whether a path is the folder of the data set or one of its pod lists, be it one without times."""
    if path.is_dir():
        return (path / DEFAULT_PODS).is_file()
    try:
        return set(REQUESTS).issubset(column_names(path))
    except UserError:
        return False


READER = AlibabaGpu2023
