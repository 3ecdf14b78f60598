"""Reader of SWIM's samples of Facebook's Hadoop jobs: how many bytes each job read, shuffled and wrote.

One table of text without a header, with tabs between its columns: job, submission in seconds, gap to the job before,
bytes that the maps read, bytes that were shuffled, bytes that the reduces wrote
(https://github.com/SWIMProjectUCB/SWIM/wiki/Workloads-repository).

The data set says nothing of tasks, run times, CPU and memory. All of that follows from the bytes and from what is
assumed here:

- A job is a job of maps, one for each `SPLIT_BYTES` of its input, and where anything was shuffled a job of reduces
  after it, one for each `REDUCE_BYTES` of that. Both are one workflow, which has the job's name.
- A task reads, computes and writes at the same time, `TASK_BPS` in all; so it runs for its bytes by that, all tasks of
  a job alike. It uses one core and `TASK_MEMORY_BYTES` all the time.
- Maps read their input from the disk of their host, and write to it what is shuffled, or what the job writes if nothing
  is. Reduces get what was shuffled over the network, and write to the disk.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

import numpy as np
import pyarrow as pa

from policies.arrays import FloatArray
from traces.reading import jobs, sniff
from traces.reading.arrays import arrow_of
from traces.reading.late import Window
from traces.reading.options import DEFAULT, ReadOptions
from traces.reading.rejects import Rejects
from traces.reading.tables import Batch, Reader
from traces.trace import Arrival, Trace
from traces.units import EXACT, MILLI

COLUMNS = ("job", "submit time", "gap", "map input bytes", "shuffle bytes", "reduce output bytes")
BYTES = COLUMNS[3:]

#: What a map reads: a block of Hadoop's file system in 2009.
SPLIT_BYTES = 2**26
#: What a reduce gets of what was shuffled.
REDUCE_BYTES = 2**30
#: What a task reads and writes in a second.
TASK_BPS = 20e6
#: What a task asks for and uses.
TASK_CORES, TASK_MEMORY_BYTES = 1, 2**30

#: How many rows a row may be late by.
WINDOW_ROWS = 2**15

MAPS, REDUCES = "maps", "reduces"


class SwimFacebook(Trace):
    """A sample of Hadoop jobs, gzipped or plain; or a folder with one sample in it.

    Rows stand in order of submission, or nearly: what comes late by no more than `WINDOW_ROWS` rows is put where it
    belongs. Memory does not grow with their number.
    """

    format: ClassVar[str] = "swim_facebook"
    dataset: ClassVar[str] = "SWIM, samples of Facebook's Hadoop jobs"
    licence: ClassVar[str] = "New BSD"
    credit: ClassVar[str] = (
        "SWIM, https://github.com/SWIMProjectUCB/SWIM; Chen, Ganapathi, Griffith, Katz, MASCOTS 2011"
    )

    def __init__(self, path: Path, rejects: Rejects, options: ReadOptions = DEFAULT) -> None:
        super().__init__(sniff.the_one(path, looks_like, "sample of Hadoop jobs"), rejects, options)
        self._reader = Reader(self.path, rejects, names=COLUMNS, numbers=("submit time", *BYTES), delimiter="\t")
        self._window = Window("submit_s", WINDOW_ROWS)

    def arrivals(self) -> Iterator[Arrival]:
        """Yield the jobs in order of submission, the maps of each before its reduces."""
        self.rejects.begin()
        self.odd.clear()
        self._window = Window("submit_s", WINDOW_ROWS)
        return jobs.arrivals(self._window.sorted(map(self._checked, self._reader.batches())))

    def progress(self) -> float:
        """Say which share of the file was read."""
        return self._reader.progress()

    def assumptions(self) -> list[str]:
        """List what all but the bytes follows from, and how often a job was odd."""
        late = self._window.late
        return [
            "only bytes were recorded: tasks, run times, CPU and memory are assumed",
            f"a job has a map for each {SPLIT_BYTES >> 20} MiB of its input, and after these a reduce for each "
            f"{REDUCE_BYTES >> 30} GiB that was shuffled, none where nothing was; these are two jobs of a workflow",
            f"a task reads and writes {TASK_BPS / 1e6:g} MB/s in all and ends with its bytes; it uses "
            f"{TASK_CORES} core and {TASK_MEMORY_BYTES >> 30} GiB",
            "maps read from their host's disk and write to it what is shuffled, or what the job writes if nothing is; "
            "reduces get theirs over the network and write to their host's disk",
            "the gap to the job before is not used",
            *self.counted(),
            *([f"{self.path}: rows that came late, put in order: {late:,}"] if late else ()),
        ]

    def _checked(self, batch: Batch) -> pa.RecordBatch:
        """Give the jobs of the rows that can be used."""
        submit_s = batch.number("submit time")
        amounts = [batch.number(name) for name in BYTES]
        batch.require("job")
        batch.mark(~((submit_s >= 0) & (submit_s < EXACT)), "submit time must be 0 or more", submit_s)
        for name, values in zip(BYTES, amounts, strict=True):
            fine = (values >= 0) & (values < EXACT) & (np.rint(values) == values)
            batch.mark(~fine, f"{name} must be a whole number from 0, and less than 2**53", values)
        too_late = submit_s < self._window.handed_on
        batch.mark(too_late, "submitted before rows that stand too far above it", submit_s)
        name = batch.column("job")
        good = batch.reject(self.rejects)
        read, shuffled, written = (values[good] for values in amounts)
        return self._block(name.take(arrow_of(good)), submit_s[good], read, shuffled, written)

    def _block(
        self, name: pa.Array, submit_s: FloatArray, read: FloatArray, shuffled: FloatArray, written: FloatArray
    ) -> pa.RecordBatch:
        """Make two jobs of each, and leave out the second where nothing was shuffled."""
        import pyarrow.compute as pc  # only where it is used: it costs a twentieth of a start-up

        reduces = shuffled > 0
        # Side by side, the maps first: row 2n and row 2n + 1 are of job n.
        tasks = _pairs(np.ceil(read / SPLIT_BYTES), np.ceil(shuffled / REDUCE_BYTES)).clip(min=1.0)
        run_s = _pairs(read + np.where(reduces, shuffled, written), shuffled + written) / tasks / TASK_BPS
        rate = np.divide(1.0, run_s * tasks, out=np.zeros_like(run_s), where=run_s > 0)
        self.odd["jobs that read and wrote nothing, their map runs for 0 s"] += int((run_s[::2] == 0).sum())
        self.odd["jobs that read nothing, taken to have one map"] += int((read == 0).sum())
        names = _quoted(name)
        twice = arrow_of(np.arange(len(name)).repeat(2))
        kind = arrow_of(np.tile([True, False], len(name)))
        none = np.zeros(len(name))
        rows = jobs.block(
            2 * len(name), submit_s=submit_s.repeat(2), tasks=tasks, duration_s=run_s, cpu_milli=TASK_CORES * MILLI,
            job=pc.binary_join_element_wise(name.take(twice), pc.if_else(kind, MAPS, REDUCES), "/"),
            memory_bytes=TASK_MEMORY_BYTES, cpu_cores=np.full(2 * len(name), float(TASK_CORES)),
            disk_read_bps=_pairs(read, none) * rate,
            disk_write_bps=_pairs(np.where(reduces, shuffled, written), written) * rate,
            net_bps=_pairs(none, shuffled) * rate,
            after=pc.if_else(kind, "", pc.binary_join_element_wise(names.take(twice), f"%2F{MAPS}", "")),
            workflow=name.take(twice),
        )  # fmt: skip
        return rows.filter(arrow_of(_pairs(np.ones(len(name)), shuffled) > 0))


def _pairs(maps: FloatArray, reduces: FloatArray) -> FloatArray:
    """Give what is of the maps and what is of the reduces of each job side by side, shape (2n,)."""
    return np.stack((maps, reduces), axis=1).ravel().astype(np.float64)


def _quoted(name: pa.Array) -> pa.Array:
    """Write names as `jobs.SCHEMA` has them where several are one text."""
    import pyarrow.compute as pc

    if not pc.any(pc.match_substring_regex(name, r"[^A-Za-z0-9_.-]")).as_py():
        return name
    return pa.array([quote(text, safe="") for text in name.to_pylist()], pa.string())


def looks_like(path: Path) -> bool:
    """Say whether a file has rows of a job's name and five numbers, with tabs between them and no header."""
    if path.is_dir():
        return any(looks_like(file) for file in sorted(path.iterdir()) if file.is_file())
    rows = sniff.first_rows(path, delimiter="\t")
    return bool(rows) and all(
        len(row) == len(COLUMNS) and re.fullmatch(r"job\d+", row[0]) and all(map(str.isdecimal, row[1:]))
        for row in rows
    )


READER = SwimFacebook
