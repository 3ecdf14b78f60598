"""When and how large the virtual machines of Azure's trace of 2017 (V1) came, as Huawei processed it.

For "Generating Complex, Realistic Cloud Workloads using Recurrent Neural Networks" (Bergsma et al., SOSP 2021) the
table of virtual machines was made into texts, of which ``INPUT.md`` of the repository trace_generation_rnn tells the
form. Two of them belong together:

- ``v1.test.txt``: a line for every 300 seconds, with the time in seconds, a blank, and the letters of the virtual
  machines that came, with commas between them; a ``|`` ends each batch, what one tenant asked for together.
- ``v1.test.c2591400.txt``: lifetimes in the same places: ``U15`` ended, and its lifetime is in bin 15; ``C46`` was
  still there at 2,591,400 s.

``flav_map.txt`` says what the letters are (cores,GB letter) and ``v1.interval_map.txt`` what the bins are (a lifetime
in seconds, and its bin). Any of them may be gzipped.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from itertools import chain
from math import inf
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
import pyarrow as pa

from policies.arrays import BoolArray
from policies.errors import UserError
from traces.hosts import TOO_MUCH
from traces.reading import jobs
from traces.reading.options import DEFAULT, ReadOptions
from traces.reading.rejects import OnBadRow, Rejects
from traces.reading.sniff import first_rows
from traces.reading.tables import Reader
from traces.trace import OPEN_ENDED, Arrival, Trace
from traces.units import EXACT, MILLI

#: Lifetimes are multiples of it; who was gone within one is taken to have been there for one.
STEP_S = 300.0

GIB = 2**30

BATCH_END = "|"
STILL_THERE = "C"
FLAVOURS = "flav_map.txt"
INTERVALS = "interval_map.txt"

_NAMES = ("at_s", "words")
_LIFETIMES = re.compile(r"(.+)\.c(\d{1,15})\.txt(?:\.gz)?", re.ASCII)
_ARRIVALS = re.compile(r"v\d+\.(?!interval_map)[^.]+\.txt(?:\.gz)?")
_LIFE = re.compile(r"([UC])(\d{1,9})", re.ASCII)


class Pair(NamedTuple):
    """Two texts that belong together.

    Attributes
    ----------
    arrivals, lifetimes : Path
    end_s : float
        When the recording ended, in the time of the whole trace.
    """

    arrivals: Path
    lifetimes: Path
    end_s: float


class Maps(NamedTuple):
    """What the words of the texts mean.

    Attributes
    ----------
    sizes : dict of str to (int, int)
        Of each letter millicores and bytes of memory.
    bins : dict of int to (float, float)
        Of each bin its shortest and its longest lifetime, in seconds.
    """

    sizes: dict[str, tuple[int, int]]
    bins: dict[int, tuple[float, float]]

    def beyond(self) -> int:
        """Give the bin behind the last one, of which nobody says where it ends."""
        return max(self.bins) + 1

    def run_s(self, life: str) -> float:
        """Give a run time: the middle of the bin."""
        number = int(life[1:])
        if life[0] == STILL_THERE:
            return OPEN_ENDED
        shortest, longest = self.bins.get(number) or (self.bins[number - 1][1],) * 2
        return max((shortest + longest) / 2, STEP_S)


class Line(NamedTuple):
    """A line of one of the texts."""

    file: Path
    number: int
    at_s: float
    words: list[str]


class AzureVmV1Arrivals(Trace):
    """A folder with the texts and maps, or one of the texts of arrivals.

    A batch is a job: its virtual machines that are alike and have lifetimes in one bin are one group of containers. In
    a folder with several pairs of texts (train, dev, test) those follow one another in time.

    Notes
    -----
    The texts are read side by side, line by line.
    """

    format: ClassVar[str] = "azure_vm_v1_arrivals"
    dataset: ClassVar[str] = "Arrivals of Azure VM trace V1 (2017), processed by Huawei (trace_generation_rnn)"
    licence: ClassVar[str] = "processed from data under CC-BY 4.0 (Azure/AzurePublicDataset)"
    credit: ClassVar[str] = (
        "Microsoft Azure, Cortez et al., Resource Central, SOSP 2017; processed for Bergsma et al., SOSP 2021, "
        "https://github.com/huaweicloud/trace_generation_rnn"
    )

    def __init__(self, path: Path, rejects: Rejects, options: ReadOptions = DEFAULT) -> None:
        super().__init__(path, rejects, options)
        self._progress = 0.0

    def arrivals(self) -> Iterator[Arrival]:
        """Yield the batches in order of time, those of one line as they stand in it."""
        self.rejects.begin()
        self.odd.clear()
        return jobs.arrivals(self._blocks())

    def progress(self) -> float:
        """Say which share of the texts was read."""
        return self._progress

    def end_s(self) -> float:
        """Give the time at which those were still there that had not ended."""
        return self._pairs[-1].end_s - self._begin_s

    def assumptions(self) -> list[str]:
        """List units, what is left out, and how often the recording was odd."""
        return [
            f"time 0 is {self._begin_s:,.15g} s of the whole trace, the first line; all of a line come at its time",
            "a batch is a job: what one tenant asked for together; who the tenants are is not known",
            f"a run time is the middle of its bin of lifetimes, but at least {STEP_S:g} s",
            "a GB of memory is 2^30 bytes; all are of the class service",
            "there are no hosts, what was there before the first line is not known, nor what virtual machines used: as "
            "much as they ask for",
            *(f"{name} has no lifetimes beside it and is not read" for name in self._lone()),
            *self.counted(),
        ]

    def files(self) -> list[Path]:
        """List the texts and the maps."""
        maps = dict.fromkeys(path for pair in self._pairs for path in map_files(pair))
        return [*(text for pair in self._pairs for text in pair[:2]), *maps]

    def _lone(self) -> list[str]:
        """Name the texts of arrivals in a folder without lifetimes."""
        if not self.path.is_dir():
            return []
        texts = {file.name for file in self.path.iterdir() if _ARRIVALS.fullmatch(file.name)}
        return sorted(texts - {pair.arrivals.name for pair in self._pairs})

    @cached_property
    def _pairs(self) -> list[Pair]:
        found = pairs(self.path)
        if not found:
            raise UserError(f"{self.path}: no texts like v1.test.txt and v1.test.c2591400.txt, which belong together")
        return found

    @cached_property
    def _begin_s(self) -> float:
        quiet = Rejects(OnBadRow.SKIP)  # what is wrong is told when it is read for good
        first = next(lines(Reader(self._pairs[0].arrivals, quiet, names=_NAMES, delimiter=" "), quiet), None)
        return 0.0 if first is None else first.at_s

    def _blocks(self) -> Iterator[pa.RecordBatch]:
        latest_s = -inf
        for number, pair in enumerate(self._pairs):
            maps = read_maps(pair)
            reader = Reader(pair.arrivals, self.rejects, names=_NAMES, delimiter=" ")
            for came, lived in self._side_by_side(reader, pair):
                self._progress = (number + reader.progress()) / len(self._pairs)
                wrong = _wrong(came, lived, maps)
                if came.at_s <= latest_s or came.at_s < self._begin_s:
                    wrong = came, lived, "another text has lines of this time or a later one", f"{came.at_s:.15g}"
                if wrong is not None:
                    line, other, reason, text = wrong
                    self.rejects.reject(line.file, line.number, reason, text)
                    self.rejects.reject(other.file, other.number, f"its line in {line.file.name} cannot be used")
                    continue
                self.rejects.accepted += 2
                latest_s = came.at_s
                yield self._block(came, lived, maps)

    def _side_by_side(self, reader: Reader, pair: Pair) -> Iterator[tuple[Line, Line]]:
        """Give lines of one time; what has none of its time in the other text is rejected."""
        ours = lines(reader, self.rejects)
        theirs = lines(Reader(pair.lifetimes, self.rejects, names=_NAMES, delimiter=" "), self.rejects)
        came, lived = next(ours, None), next(theirs, None)
        while came is not None or lived is not None:
            if came is not None and lived is not None and came.at_s == lived.at_s:
                yield came, lived
                came, lived = next(ours, None), next(theirs, None)
            elif lived is None or (came is not None and came.at_s < lived.at_s):
                assert came is not None
                self._reject_lone(came, pair.lifetimes)
                came = next(ours, None)
            else:
                self._reject_lone(lived, pair.arrivals)
                lived = next(theirs, None)

    def _reject_lone(self, line: Line, other: Path) -> None:
        self.rejects.reject(line.file, line.number, f"{other.name} has no line of this time", f"{line.at_s:.15g}")

    def _block(self, came: Line, lived: Line, maps: Maps) -> pa.RecordBatch:
        """Make jobs of the batches of a line."""
        names: list[str] = []
        rows: list[tuple[tuple[str, str], int]] = []
        number, group = 0, Counter[tuple[str, str]]()
        for letter, life in chain(zip(came.words, lived.words, strict=True), [(BATCH_END, BATCH_END)]):
            if letter != BATCH_END:
                group[letter, life] += 1
            elif group:
                names += [f"{came.at_s:.15g}/{number}"] * len(group)
                rows += group.items()
                group = Counter()
                number += 1
        beyond = f"U{maps.beyond()}"
        for (_, life), count in rows:
            if life[0] == STILL_THERE:
                self.odd["virtual machines that were still there at the end, how long they run is not known"] += count
            elif life == beyond:
                self.odd["virtual machines that lived longer than the last bin, they run as long as its end"] += count
        needs = [maps.sizes[letter] for (letter, _), _ in rows]
        return jobs.block(
            len(rows),
            submit_s=came.at_s - self._begin_s,
            job=names,
            workload="service",
            tasks=[count for _, count in rows],
            duration_s=[maps.run_s(life) for (_, life), _ in rows],
            cpu_milli=[cpu_milli for cpu_milli, _ in needs],
            memory_bytes=[memory_bytes for _, memory_bytes in needs],
        )


def lines(reader: Reader, rejects: Rejects) -> Iterator[Line]:
    """Yield the lines of a text that are in order of time; the others are rejected."""
    latest_s = -inf
    for batch in reader.batches():
        at_s, words = batch.number("at_s"), batch.text("words")
        batch.mark(~((at_s >= 0) & (at_s < EXACT)), "the time must be 0 or more", at_s)
        for row, time_s in enumerate(at_s.tolist()):
            if row not in batch.bad and time_s <= latest_s:
                batch.bad[row] = ("the time must be later than that of the line above", f"{time_s:.15g}")
            if row in batch.bad:
                rejects.reject(batch.file, int(batch.lines[row]), *batch.bad[row])
                continue
            latest_s = time_s
            found = words[row].split(",")
            yield Line(batch.file, int(batch.lines[row]), time_s, found if found[-1] else found[:-1])


def _wrong(came: Line, lived: Line, maps: Maps) -> tuple[Line, Line, str, str] | None:
    """Say which of two lines is wrong, which is the other one, and why; None if they belong together."""
    if len(came.words) != len(lived.words):
        other = f"{lived.file.name}:{lived.number}"
        return came, lived, f"has not as many virtual machines and ends of batches as {other}", str(len(came.words))
    for letter, life in zip(came.words, lived.words, strict=True):
        if letter != BATCH_END and letter not in maps.sizes:
            return came, lived, f"a letter is not in {FLAVOURS}", letter
        if (letter == BATCH_END) != (life == BATCH_END):
            return lived, came, f"its batches do not end where they do in {came.file.name}", life
        match = _LIFE.fullmatch(life)
        if life == BATCH_END or (match and match[1] == STILL_THERE):
            continue
        if not match or (int(match[2]) not in maps.bins and int(match[2]) != maps.beyond()):
            return lived, came, "is no lifetime like U15 or C46", life
    return None


def pairs(path: Path) -> list[Pair]:
    """Find the pairs of texts in a folder, or the one that a text is of; in order of their ends."""
    folder = path if path.is_dir() else path.parent
    found = []
    for file in folder.iterdir() if folder.is_dir() else ():
        match = _LIFETIMES.fullmatch(file.name)
        for ending in (".txt", ".txt.gz") if match else ():
            arrivals = file.with_name(f"{match[1]}{ending}")  # type: ignore[index]  # there is one
            if arrivals.is_file() and (path.is_dir() or path in (arrivals, file)):
                found.append(Pair(arrivals, file, float(match[2])))  # type: ignore[index]
    return sorted(found, key=lambda pair: (pair.end_s, pair.arrivals.name, pair.lifetimes.name))


def map_files(pair: Pair) -> list[Path]:
    """Find the maps of letters and of bins: beside the texts, or where the repository has them.

    Raises
    ------
    UserError
        If one is missing.
    """
    folder = pair.arrivals.parent
    edition = pair.arrivals.name.partition(".")[0]
    found = []
    for name in (FLAVOURS, f"{edition}.{INTERVALS}"):
        places = [place / f"{name}{gz}" for place in (folder, folder.parent / "maps") for gz in ("", ".gz")]
        there = next((place for place in places if place.is_file()), None)
        if there is None:
            raise UserError(f"{folder}: has no {name}, nor has maps/ beside it")
        found.append(there)
    return found


def read_maps(pair: Pair) -> Maps:
    """Read the maps of a pair of texts.

    Raises
    ------
    UserError
        Naming the file and the line that cannot be used.
    """
    letters, intervals = map_files(pair)
    sizes: dict[str, tuple[int, int]] = {}
    for batch in Reader(letters, Rejects(), names=("size", "letter"), delimiter=" ").batches():
        batch.require("size", "letter")
        texts, names = batch.text("size"), batch.text("letter")
        amounts = np.array([_size(text) for text in texts], dtype=np.float64).reshape(-1, 2)
        most = TOO_MUCH / np.array([MILLI, GIB])
        right: BoolArray = np.logical_and.reduce((amounts > 0) & (amounts < most), axis=1)
        batch.mark(~right, "a size is cores,GB", texts)
        batch.refuse()
        whole = np.rint(amounts * [MILLI, GIB]).astype(np.int64).tolist()
        sizes |= {name: (cpu_milli, memory_bytes) for name, (cpu_milli, memory_bytes) in zip(names, whole, strict=True)}
    bins: dict[int, tuple[float, float]] = {}
    for batch in Reader(intervals, Rejects(), names=("lifetime_s", "bin"), delimiter=" ").batches():
        lifetime_s, number = batch.number("lifetime_s"), batch.number("bin")
        batch.mark(~((lifetime_s >= 0) & (lifetime_s < EXACT)), "a lifetime must be 0 or more", lifetime_s)
        batch.mark(~((number >= 0) & (number < 1e9) & (np.rint(number) == number)), "a bin is a whole number", number)
        batch.refuse()
        for time_s, place in zip(lifetime_s.tolist(), map(int, number.tolist()), strict=True):
            shortest, longest = bins.get(place, (time_s, time_s))
            bins[place] = (min(shortest, time_s), max(longest, time_s))
    if not bins:
        raise UserError(f"{intervals}: no rows")
    return Maps(sizes, bins)


def _size(text: str) -> tuple[float, float]:
    cores, _, memory_gb = text.partition(",")
    try:
        return float(cores), float(memory_gb)
    except ValueError:
        return -1.0, -1.0


def looks_like(path: Path) -> bool:
    """Say whether a path is a folder with such texts, or one of arrivals: a time, a blank, and letters by commas."""
    for pair in pairs(path):
        rows = first_rows(pair.lifetimes, 3, delimiter=" ")
        words = [word for row in rows if len(row) == 2 for word in row[1].split(",") if word]
        if words and all(word == BATCH_END or _LIFE.fullmatch(word) for word in words):
            return True
    return False


READER = AzureVmV1Arrivals
