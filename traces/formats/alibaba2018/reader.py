"""The reader."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from policies.errors import UserError
from policies.sharing.disk import PAGE_BYTES
from traces.formats.alibaba2018 import dag
from traces.formats.alibaba2018.machines import make_hosts
from traces.formats.alibaba2018.tables import REFERENCE, UTILISATIONS, Tables, kind_of, table_files
from traces.hosts import Hosts
from traces.reading import batch_tasks
from traces.reading.measured import FULL_DISK_BPS, Windows
from traces.reading.options import DEFAULT, ReadOptions
from traces.reading.rejects import Rejects
from traces.reading.services import Services, SideBySide, make_services
from traces.trace import Arrival

#: What a container used is averaged over so long: of a container that stays for 8 days these are 192 phases.
WINDOW_S = 3600.0


class Alibaba2018(SideBySide):
    """A folder with any of the tables of the data set, or one table of what runs: batch_task or container_meta.

    A task of a batch job is a job of as many containers as it has instances, called ``JOB/TASK``, in a workflow called
    JOB. Where batch_instance is there, each instance runs as long as it was recorded to, and uses what its task's did
    on the mean; give the file ``batch_task.csv`` itself to do without. A container of container_meta is a job of one
    container, a service; those that are there at time 0 are on their recorded machines.

    Parameters
    ----------
    path : Path
        The folder, with ``batch_task.csv``, ``batch_task.csv.gz``, parts of it, and so on; or one such file, beside
        which only machine_meta is looked for.
    rejects : Rejects
        What to do with rows that cannot be used.
    options : ReadOptions
        With ``usage``, container_usage is read, if it is there, and containers use what was measured, hour by hour.

    Notes
    -----
    The rows of batch_task and batch_instance stand in no order of time, so they are sorted before the first job comes,
    on disk where there are many: memory does not grow with them. How many can be sorted grows with the square of
    `traces.reading.ordered.MEMORY_LIMIT`: the whole batch_task fits by estimate; the 1.35 billion rows of
    batch_instance were not tried, would take more than 100 GB of the folder for temporary files, and may need a higher
    limit. What does take memory is one entry for each container, one for each of its hours where usage is read, and
    one for each machine.

    Columns and units are documented in the data set's ``schema.txt`` and ``trace_2018.md``; what is assumed beyond that
    is listed by `assumptions`. That an end is 0 where it lies beyond the recorded time is documented, too.
    """

    format: ClassVar[str] = "alibaba2018"
    dataset: ClassVar[str] = "Alibaba cluster-trace-v2018"
    licence: ClassVar[str] = "no formal licence; for research or study purpose, as alibaba/clusterdata says"
    credit: ClassVar[str] = "Alibaba Cluster Trace Program, cluster-trace-v2018, https://github.com/alibaba/clusterdata"

    def __init__(self, path: Path, rejects: Rejects, options: ReadOptions = DEFAULT) -> None:
        super().__init__(path, rejects, options)
        self._memory = options.reference or REFERENCE
        self._tables = table_files(path)

    def assumptions(self) -> list[str]:
        """List units, what is left out, and how often the recording was odd."""
        there = self._tables
        notes = [
            "CPU is in cores as recorded (100 is 1 core); memory is in shares of the largest machine's, of which 100 "
            f"is taken for {self._memory.memory_bytes:.6g} bytes, as on the reference machine {self._memory.name}",
        ]
        if there["batch_task"]:
            notes += [
                "which task comes after which is in their names; tasks of a graph are submitted when the first of "
                "their job began, and wait for those before them; independent ones when they began themselves: "
                "when they were submitted was not recorded",
                "a task runs from start_time to end_time, whatever became of it; task_type is not used",
            ]
            notes.append(
                "each instance runs as long as batch_instance says and uses the mean cpu_avg and mem_avg of its task; "
                "its machine, cpu_max and mem_max are not used"
                if there["batch_instance"]
                else "all instances of a task run as long as the task did; what they used is not known"
            )
        if there["container_meta"]:
            notes += [
                "containers are services; time 0 means that they were there before, and how long is not recorded; "
                "those that were not stopped run without end"
                + (", here until the last line of container_usage" if self._with_usage else ""),
                "containers of one application (app_du) are one user's; that they should be spread over failure "
                "domains is not modelled; cpu_limit is not used",
            ]
            if self._with_usage:
                notes.append(
                    "cpu_util_percent and mem_util_percent are taken for shares of what a container asks for, and "
                    f"disk_io_percent for its own share of a disk's time, written as random reads of {PAGE_BYTES} "
                    f"bytes on a disk of class HDD, {FULL_DISK_BPS:.0f} bytes a second are 100: not documented; "
                    f"what was used is the mean over {WINDOW_S / 3600:g} h and holds until the next measurement; "
                    "cpi, mem_gps, mpki and the network, whose unit is not known, are not used"
                )
            elif there["container_usage"]:
                notes.append("container_usage was not read (an option reads it): containers use what they ask for")
        if there["machine_usage"]:
            notes.append("machine_usage is not used")
        if there["machine_meta"]:
            notes.append("machines join at their first line and stay; failure domains are attributes of theirs")
        return [*notes, *self.counted()]

    def files(self) -> list[Path]:
        """List the files that are read."""
        used = ["batch_task", "batch_instance", "container_meta", "machine_meta"]
        if self._with_usage:
            used.append("container_usage")
        return [file for name in used for file in self._tables[name]]

    @property
    def _with_usage(self) -> bool:
        return self.options.usage and bool(self._tables["container_usage"] and self._tables["container_meta"])

    def _make_hosts(self, odd: Counter[str]) -> Hosts | None:
        files = self._tables["machine_meta"]
        return make_hosts(files, self._memory.memory_bytes, odd) if files else None

    def _read_services(self, rejects: Rejects, odd: Counter[str]) -> Services:
        if not (self._tables["batch_task"] or self._tables["container_meta"]):
            raise UserError(f"{self.path}: has neither batch_task nor container_meta, and so nothing that runs")
        tables = Tables(rejects, self._memory.memory_bytes, odd, self._batches)
        services = make_services(tables.containers(self._tables["container_meta"]), odd)
        windows = Windows(WINDOW_S, kinds=len(UTILISATIONS))
        if self._with_usage:
            tables.usage(self._tables["container_usage"], windows)
            names = {service.name for service in services}
            odd["containers that were measured and are not in container_meta, left out"] += sum(
                name not in names for name in windows
            )
        return Services(services, windows, windows.end_s)

    def _tasks(self) -> Iterator[Arrival] | None:
        if not self._tables["batch_task"]:
            return None
        tables = Tables(self.rejects, self._memory.memory_bytes, self.odd, self._batches)
        instances = tables.instances(self._tables["batch_instance"]) if self._tables["batch_instance"] else None
        by_job = batch_tasks.by_job(tables.tasks(self._tables["batch_task"]), instances, self.odd)
        return batch_tasks.arrivals(dag.placed(by_job, self.odd), workflows=True)


def looks_like(path: Path) -> bool:
    """Say whether a path is a table of what runs, or a folder with one."""
    files = table_files(path)
    return any(kind_of(file) == name for name in ("batch_task", "container_meta") for file in files[name][:1])


READER = Alibaba2018
