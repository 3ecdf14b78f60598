"""Alibaba's microservices trace of 2021: what the containers of 1,300 microservices used, minute by minute, 12 hours.

Its table MSResource tells of each container and minute which share of CPU and memory it used; when a container was
started, what it asks for, and how big the machines are is told nowhere.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import ClassVar

import numpy as np

from policies.errors import UserError
from traces.hosts import TOO_MUCH
from traces.reading.arrays import arrow_of, filled, numpy_of
from traces.reading.columns import LAST_S
from traces.reading.measured import Windows
from traces.reading.options import DEFAULT, ReadOptions
from traces.reading.reference import Reference
from traces.reading.rejects import Rejects
from traces.reading.services import Service, Services, SideBySide
from traces.reading.sniff import first_rows, parts
from traces.reading.tables import Batch, Reader, column_names
from traces.units import MILLI, thousandths

#: The table as it is published, and as pieces of it are handed round.
TABLES = ("MSResource", "Resource")
NAMES = ("timestamp", "msname", "msinstanceid", "nodeid")
#: Use of CPU and memory; the documentation calls them otherwise than the files do.
USES = (("instance_cpu_usage", "instance_memory_usage"), ("cpu_utilization", "memory_utilization"))
#: The files begin each line with its number, in a column without a name.
NUMBER = ""

#: How long a sample stands for, from the documentation.
STEP_S = 60.0
#: What a container used is averaged over so long.
WINDOW_S = 600.0

MS = 1000.0

#: What 1.0 is of is not documented. Dozens of containers share a machine, and each uses most of 1.0 of memory, so it is
#: taken for the size of a container: of 4 cores and 8 GiB, which containers of Alibaba's trace of 2018 ask for most
#: often (where the 8 GiB are an assumption, too).
REFERENCE = Reference("assumed for containers of the Alibaba microservices trace of 2021 (4 cores, 8 GiB)", 4.0, 2**33)


class AlibabaMicroservices2021(SideBySide):
    """A folder with the table MSResource (``MSResource_0.csv`` and so on, or ``Resource.csv``), or a file of it.

    A container is a job of one container, a service, from its first sample to the end of its last one. It asks for the
    most that was ever measured of it, and uses what was measured.

    Notes
    -----
    Memory is that of one entry for each container (more than 90,000 in the whole trace), with one for each ten minutes
    in which it was measured: it does not grow with the samples, which may stand in any order.
    """

    format: ClassVar[str] = "alibaba_microservices2021"
    dataset: ClassVar[str] = "Alibaba cluster-trace-microservices-v2021"
    licence: ClassVar[str] = "no formal licence; for research or study purpose, as alibaba/clusterdata says"
    credit: ClassVar[str] = (
        "Alibaba Cluster Trace Program, cluster-trace-microservices-v2021, https://github.com/alibaba/clusterdata; "
        "Luo et al., SoCC 2021"
    )

    def __init__(self, path: Path, rejects: Rejects, options: ReadOptions = DEFAULT) -> None:
        super().__init__(path, rejects, options)
        self._whole = options.reference or REFERENCE
        self._files = _files(path)

    def files(self) -> list[Path]:
        """List the files of MSResource."""
        return self._files

    def assumptions(self) -> list[str]:
        """List units, what is left out, and how often the recording was odd."""
        return [
            f"{self._whole.note()}: what shares of CPU and memory are of is not documented",
            "containers are services, each from its first sample to its last, which stands for "
            f"{STEP_S:g} s; those of time 0 are submitted then: where they ran is recorded, but not how big it is",
            "a container asks for the most that it was ever measured to use: what it asked for was not recorded",
            f"what a container used is the mean over {WINDOW_S / 60:g} minutes and holds until the next measurement",
            "containers of one microservice (msname) are one user's; nodes, calls and response times are not used",
            *self.counted(),
        ]

    def _read_services(self, rejects: Rejects, odd: Counter[str]) -> Services:
        if not self._files:
            raise UserError(f"{self.path}: has no MSResource.csv or MSResource_0.csv or Resource.csv or the like")
        windows = Windows(WINDOW_S, kinds=2)
        where: dict[str, tuple[str, str]] = {}  # node and microservice of each container
        for file in self._files:
            uses = USES[1] if USES[1][0] in column_names(file) else USES[0]
            numbers = ("timestamp", *uses)
            reader = Reader(file, rejects, required=(*NAMES, *uses), optional=(NUMBER,), numbers=numbers)
            for batch in self._batches(reader):
                self._add(batch, uses, rejects, windows, where)
        cores, memory_bytes = self._whole.cores, self._whole.memory_bytes
        services = []
        for name in windows:
            first_s, last_s = windows.span_s(name)
            cpu, memory = windows.most(name)
            need = int(thousandths(np.array([cpu * cores]))[0]), round(float(memory) * memory_bytes)
            services.append(Service(first_s, name, last_s + STEP_S, *where[name], *need))
        return Services(sorted(services), windows, whole=(cores, memory_bytes))

    def _add(
        self, batch: Batch, uses: tuple[str, str], rejects: Rejects, windows: Windows, where: dict[str, tuple[str, str]]
    ) -> None:
        """Take the samples of a batch."""
        batch.require("msname", "msinstanceid", "nodeid")
        at_s = batch.number("timestamp") / MS
        batch.mark(~((at_s >= 0) & (at_s < LAST_S)), "timestamp must be 0 or more, and a time", at_s * MS)
        shares = []
        for name, unit in zip(uses, (self._whole.cores * MILLI, self._whole.memory_bytes), strict=True):
            values = batch.number(name)
            batch.mark(~((values >= 0) & (values < TOO_MUCH / unit)), f"{name} must be a share from 0", values)
            shares.append(values)
        names, *places = (filled(batch.column(name)) for name in ("msinstanceid", "nodeid", "msname"))
        rows = batch.reject(rejects)
        if not rows.size:
            return
        taken = arrow_of(rows)
        windows.add(names.take(taken), at_s[rows], np.array(shares)[:, rows])
        encoded = names.take(taken).dictionary_encode()
        _, first = np.unique(numpy_of(encoded.indices), return_index=True)
        for row in rows[first].tolist():
            node, service = (place[row].as_py() for place in places)
            where.setdefault(names[row].as_py(), (node, service))


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [file for table in TABLES for file in parts(path, table)]


def looks_like(path: Path) -> bool:
    """Say whether a path is a file of MSResource, or a folder with some."""
    for file in _files(path)[:1]:
        for header in first_rows(file, 1):
            names = set(header)
            return names.issuperset(NAMES) and any(names.issuperset(uses) for uses in USES)
    return False


READER = AlibabaMicroservices2021
