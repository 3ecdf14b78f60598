"""What was measured of virtual machines: their CPU every five minutes, in many files that are parts in time."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

import numpy as np
import pyarrow as pa

from policies.arrays import FloatArray, IntArray
from policies.requests import Demand
from traces.formats.azure_vm_v1.vms import STEP_S, once
from traces.reading.arrays import arrow_of, numpy_of
from traces.reading.rejects import Rejects
from traces.reading.sniff import parts
from traces.reading.tables import Reader
from traces.trace import Arrival, Behaviour, Phase
from traces.units import MILLI

TABLE = "vm_cpu_readings"
COLUMNS = ("at_s", "vm", "min_cpu", "max_cpu", "avg_cpu")
NUMBERS = ("at_s", "min_cpu", "max_cpu", "avg_cpu")

_BESIDE = re.compile(rf"{TABLE}.*\.csv(\.gz)?")

#: A distance between readings from which on some are missing, in seconds.
GAP_S = 1.5 * STEP_S


def reading_files(path: Path) -> list[Path]:
    """Find the files, in a folder of their own or beside the table of machines; in order of their numbers."""
    folder = path if path.is_dir() else path.parent
    beside = [file for file in folder.iterdir() if _BESIDE.fullmatch(file.name) and file.is_file()]
    found = {*beside, *parts(folder, TABLE)}
    return once(sorted(found, key=lambda file: ([int(digits) for digits in re.findall(r"\d+", file.name)], file.name)))


def key_of(names: Iterable[str]) -> IntArray:
    """Give a key of 64 bits for each name.

    Among 3 million virtual machines two share one with a probability of 2e-7.
    """
    return np.array([hash(name) for name in names], dtype=np.int64)


class Ranks:
    """Knows the place of each virtual machine in the order of arrivals, in sixteen bytes each.

    Parameters
    ----------
    keys : ndarray of int, shape (n,)
        Of the machines in that order.
    """

    def __init__(self, keys: IntArray) -> None:
        self._places = np.argsort(keys, kind="stable")
        self._keys = keys[self._places]

    def of(self, keys: IntArray) -> IntArray:
        """Give the places of machines, -1 where there is none; of machines of one name the first has it."""
        if not self._keys.size:
            return np.full(keys.size, -1, dtype=np.int64)
        found = np.minimum(np.searchsorted(self._keys, keys), self._keys.size - 1)
        places: IntArray = np.where(self._keys[found] == keys, self._places[found], -1)
        return places


def reading_reader(path: Path, rejects: Rejects) -> Reader:
    """Open one of the files."""
    return Reader(path, rejects, names=COLUMNS, numbers=NUMBERS)


def blocks(reader: Reader, rejects: Rejects, ranks: Ranks, odd: Counter[str]) -> Iterator[pa.RecordBatch]:
    """Yield readings with the places of their machines, in no order."""
    for batch in reader.batches():
        at_s, used = batch.number("at_s"), batch.number("avg_cpu")
        for name in ("min_cpu", "max_cpu"):
            batch.number(name)  # not used, but where it is no number the row is damaged
        batch.require("vm")
        batch.mark(~((at_s >= 0) & (at_s < np.inf)), "the time must be 0 or more", at_s)
        batch.mark(~(used >= 0), "avg_cpu must be 0 or more percent", used)
        names = batch.text("vm")
        good = batch.reject(rejects)
        place = ranks.of(key_of(names))[good]
        known = place >= 0
        odd["readings of virtual machines that are not in the table, ignored"] += int((~known).sum())
        odd["readings of more than 100 percent, taken as 100"] += int((used[good][known] > 100).sum())
        columns = {"place": place, "at_s": at_s[good], "share": np.minimum(used[good], 100.0) / 100.0}
        yield pa.RecordBatch.from_pydict({name: arrow_of(values[known]) for name, values in columns.items()})


def measured(
    arrivals: Iterable[Arrival], readings: Iterable[pa.RecordBatch], end_s: float, odd: Counter[str]
) -> Iterator[Arrival]:
    """Let virtual machines use what was measured of them.

    Parameters
    ----------
    arrivals : iterable of Arrival
        Machines that use their mean, if that is known.
    readings : iterable of pyarrow.RecordBatch
        ``place`` of the machine among the arrivals, ``at_s``, and the ``share`` of its cores that it used; in order of
        place and time.
    end_s : float
        Of the recording: whoever was still there runs until then, as nobody knows what it used later.
    odd : Counter of str
        Counts what had to be bridged.
    """
    coming = _by_place(readings)
    next_place, at_s, share = next(coming, _NONE)
    place = 0
    for arrival in arrivals:
        submit_s = arrival.job.submit_s
        lasts, uses = [], []
        # A name that is there twice, at the same time, is one job with two groups.
        for group, run_s, mean in zip(arrival.job.groups, arrival.run_s, arrival.each_behaviour(), strict=True):
            while next_place < place:
                next_place, at_s, share = next(coming, _NONE)
            own = (at_s, share) if next_place == place else (_NOTHING, _NOTHING)
            place += 1
            last_s = min(float(run_s), max(end_s - submit_s, STEP_S))
            need = group.task.need
            lasts.append(last_s)
            uses.append(_phases(*own, submit_s, last_s, mean, need.cpu_milli / MILLI, float(need.memory_bytes), odd))
        yield arrival._replace(run_s=tuple(lasts), behaviours=tuple(uses) if any(uses) else ())


_NOTHING: FloatArray = np.empty(0)
#: Stands behind the last place of all.
_NONE = (np.iinfo(np.int64).max, _NOTHING, _NOTHING)


def _by_place(readings: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, FloatArray, FloatArray]]:
    """Give the readings of one machine after the other."""

    def pieces() -> Iterator[tuple[int, FloatArray, FloatArray]]:
        for rows in readings:
            place, at_s, share = (numpy_of(rows[name]) for name in ("place", "at_s", "share"))
            starts = np.flatnonzero(np.diff(place, prepend=-1)).tolist()
            for start, end in zip(starts, [*starts[1:], place.size], strict=True):
                yield int(place[start]), at_s[start:end], share[start:end]

    for place, same in groupby(pieces(), key=lambda piece: piece[0]):
        _, at_s, share = zip(*same, strict=True)
        yield place, np.concatenate(at_s), np.concatenate(share)


def _phases(
    at_s: FloatArray,
    share: FloatArray,
    submit_s: float,
    run_s: float,
    mean: Behaviour,
    cores: float,
    memory_bytes: float,
    odd: Counter[str],
) -> Behaviour:
    """Make phases of readings; what was not measured at the beginning or the end is as on average."""
    again = np.diff(at_s, prepend=-1.0) == 0
    within = (at_s >= submit_s) & (at_s < submit_s + run_s)
    odd["readings of a time that had one already, ignored"] += int(again.sum())
    odd["readings before their virtual machine was created or when it was deleted, ignored"] += int(
        (~within & ~again).sum()
    )
    at_s, share = at_s[within & ~again] - submit_s, share[within & ~again]
    odd["virtual machines without readings, they use their mean"] += not at_s.size
    if not at_s.size:
        return mean
    odd["gaps between readings of more than one and a half steps, bridged"] += int((np.diff(at_s) > GAP_S).sum())
    before, behind = at_s[0] > GAP_S, run_s - at_s[-1] > GAP_S
    odd["virtual machines without readings at their beginning or end, they use their mean then"] += bool(
        before or behind
    )
    usual = mean[0].demand.cpu_cores if mean else None
    used = share * cores
    starts = np.concatenate(([0.0], at_s[1:]))
    if before:
        starts = np.concatenate(([0.0], at_s))
        used = np.concatenate(([used[0] if usual is None else usual], used))
    if behind:
        starts = np.append(starts, at_s[-1] + STEP_S)
        used = np.append(used, used[-1] if usual is None else usual)
    first = np.flatnonzero(np.concatenate(([True], used[1:] != used[:-1])))
    shares = np.diff(np.append(starts[first], run_s)) / run_s
    return tuple(
        Phase(part, Demand(cpu, memory_bytes)) for part, cpu in zip(shares.tolist(), used[first].tolist(), strict=True)
    )
