"""The reader."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa

from traces.formats.azure_vm_v1 import readings, vms
from traces.formats.azure_vm_v1.vms import STEP_S, Edition
from traces.reading import jobs
from traces.reading.options import DEFAULT, ReadOptions
from traces.reading.ordered import ordered
from traces.reading.rejects import OnBadRow, Rejects
from traces.reading.tables import Reader
from traces.trace import Arrival, Trace

LICENCE = "CC-BY 4.0 (Azure/AzurePublicDataset)"
CREDIT = "Microsoft Azure; Cortez et al., Resource Central, SOSP 2017, https://github.com/Azure/AzurePublicDataset"


class AzureVm(Trace):
    """Virtual machines of Azure, either edition: a folder with ``vmtable.csv``, or that file.

    A virtual machine is a job of one container. It asks for its cores and memory, and uses the mean CPU that the table
    has of it, or what was read of it every five minutes.

    Parameters
    ----------
    path : Path
        The folder, in which ``vmtable`` and ``vm_cpu_readings`` may also be folders, as they are published; or the
        table alone.
    rejects : Rejects
        What to do with rows that cannot be used.
    options : ReadOptions
        With ``usage`` the readings are read, too; of the whole data set these are more than 100 GB.

    Notes
    -----
    Columns, seconds and percent are from the publisher's pages (AzurePublicDatasetV1.md, V2.md) and notebook, and so is
    that a life is one step of five minutes at least. Assumed are what a GB is, that a reading holds from its time on,
    and the sizes of buckets without an upper edge. A table all of whose sizes are buckets of V2 is taken for V2: one of
    V1 that is like that has to be named, ``azure_vm_v1:PATH``.

    The table is not in order of time, the readings are in order of time and not of machines; both are sorted on disk
    where they are large. With ``usage`` the table is read twice, and sixteen bytes are kept of each machine, besides
    the readings of one of them; what runs keeps its own.
    """

    edition: ClassVar[Edition]

    def __init__(self, path: Path, rejects: Rejects, options: ReadOptions = DEFAULT) -> None:
        super().__init__(path, rejects, options)
        self._usage = options.usage and bool(readings.reading_files(path))
        self._progress: Callable[[], float] = lambda: 0.0

    def arrivals(self) -> Iterator[Arrival]:
        """Yield the virtual machines in order of creation, at one time in order of their names."""
        self.rejects.begin()
        self.odd.clear()
        if not self._usage:
            return jobs.arrivals(self._machines(self.rejects, self.odd))
        # What is wrong with rows of the table is told when they are read for good.
        names = self._machines(Rejects(OnBadRow.SKIP), Counter())
        keys = [np.empty(0, dtype=np.int64), *(readings.key_of(rows["job"].to_pylist()) for rows in names)]
        ranks = readings.Ranks(np.concatenate(keys))
        arrivals = jobs.arrivals(self._machines(self.rejects, self.odd))
        in_order = ordered(self._readings(ranks), by=("place", "at_s"))
        return readings.measured(arrivals, in_order, self.edition.end_s, self.odd)

    def _machines(self, rejects: Rejects, odd: Counter[str]) -> Iterator[pa.RecordBatch]:
        files = vms.vm_tables(self.path)

        def blocks() -> Iterator[pa.RecordBatch]:
            for reader in self._each([vms.vm_reader(file, rejects) for file in files]):
                yield from vms.blocks(reader, rejects, self.edition, odd)

        return ordered(blocks(), by=("submit_s", "job"))

    def _readings(self, ranks: readings.Ranks) -> Iterator[pa.RecordBatch]:
        files = readings.reading_files(self.path)
        for reader in self._each([readings.reading_reader(file, self.rejects) for file in files]):
            yield from readings.blocks(reader, self.rejects, ranks, self.odd)

    def _each(self, readers: list[Reader]) -> Iterator[Reader]:
        """Give one reader after the other, and tell how far they are."""
        for number, reader in enumerate(readers):
            self._progress = lambda number=number, reader=reader: (number + reader.progress()) / len(readers)  # type: ignore[misc]
            yield reader

    def progress(self) -> float:
        """Say which share of the table, or then of the readings, was read; all of it before the first arrival."""
        return self._progress()

    def end_s(self) -> float:
        """Give the time at which those were deleted that were still there."""
        return self.edition.end_s

    def assumptions(self) -> list[str]:
        """List units, what is left out, and how often the recording was odd."""
        return [
            f"times are seconds since the trace began, in steps of {STEP_S:g} s; a GB of memory is 2^30 bytes",
            "Interactive is the class service, Delay-insensitive and Unknown are batch; the user is the subscription, "
            "the deployment is not used",
            *self._used(),
            "memory, disk and network in use were not recorded: memory is as asked for, the others nothing",
            "there are no hosts, and nobody knows which machines shared one",
            *self.counted(),
        ]

    def _used(self) -> list[str]:
        if not self._usage:
            return ["CPU in use is the mean of the table (avg CPU); vm_cpu_readings are not used"]
        return [
            "CPU in use is the average of each reading, which holds until the next one; their minimum and maximum are "
            "not used",
            "virtual machines that were still there at the end of the trace run until then, since nobody knows what "
            "they use later",
        ]

    def files(self) -> list[Path]:
        """List the table, and the readings if they are read."""
        return vms.vm_tables(self.path) + (readings.reading_files(self.path) if self._usage else [])


class AzureVmV1(AzureVm):
    """The edition of 2017."""

    format: ClassVar[str] = "azure_vm_v1"
    dataset: ClassVar[str] = "Azure VM trace V1 (2017): 2,013,767 virtual machines in 30 days"
    licence: ClassVar[str] = LICENCE
    credit: ClassVar[str] = CREDIT
    #: Who was still there was deleted at 2,591,700 s, says the table in the publisher's notebook.
    edition: ClassVar[Edition] = Edition(2_591_700.0, {})
