"""The table of virtual machines, ``vmtable``, one row each and no header."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from policies.arrays import FloatArray
from policies.errors import UserError
from traces.hosts import TOO_MUCH
from traces.reading import jobs
from traces.reading.arrays import arrow_of, numpy_of
from traces.reading.rejects import Rejects
from traces.reading.sniff import first_rows, parts
from traces.reading.tables import Batch, Reader
from traces.trace import OPEN_ENDED
from traces.units import MILLI, thousandths

#: In the order of the publisher's notebook; all of them but the deployment and the two other CPU columns are used.
COLUMNS = (
    "vm", "subscription", "deployment", "created", "deleted", "max_cpu", "avg_cpu", "p95_max_cpu", "category",
    "cores", "memory_gb",
)  # fmt: skip
NUMBERS = ("created", "deleted", "max_cpu", "avg_cpu", "p95_max_cpu")

#: How often CPU was read, in seconds. Times are multiples of it.
STEP_S = 300.0

GIB = 2**30

#: What the publisher found a virtual machine to be, and the class of workload that we take it for.
CLASSES = {"Interactive": "service", "Delay-insensitive": "batch", "Unknown": "batch"}

#: The buckets of V2 (its files of bucket definitions), by their upper edges.
BUCKETS = {"cores": ("2", "4", "8", "24", ">24"), "memory_gb": ("2", "4", "8", "32", "64", ">64")}


class Edition(NamedTuple):
    """What the two editions of the data set differ in.

    Attributes
    ----------
    end_s : float
        When the recording ends: who was deleted then was still there.
    open_buckets : mapping of str to mapping of str to float
        For ``cores`` and ``memory_gb`` the buckets without an upper edge, and what they are taken for.
    """

    end_s: float
    open_buckets: Mapping[str, Mapping[str, float]]


def vm_tables(path: Path) -> list[Path]:
    """Find the table or its parts.

    Raises
    ------
    UserError
        If there is none, or one is there twice, packed and unpacked.
    """
    found = once(parts(path, "vmtable"))
    if not found:
        raise UserError(f"{path}: has no vmtable.csv or vmtable.csv.gz")
    return found


def once(files: list[Path]) -> list[Path]:
    """Give the same files; refuse one that is there packed and unpacked, whose rows would count twice."""
    names = {file: file.with_name(file.name.removesuffix(".gz")) for file in files}
    for file, name in names.items():
        if file != name and name in names:
            raise UserError(f"{file}: {name.name} is beside it; one of them is to go")
    return files


def blocks(reader: Reader, rejects: Rejects, edition: Edition, odd: Counter[str]) -> Iterator[pa.RecordBatch]:
    """Yield a part of the table as blocks of jobs, not in order of time."""
    for batch in reader.batches():
        yield _block(batch, rejects, edition, odd)


def vm_reader(path: Path, rejects: Rejects) -> Reader:
    """Open a part of the table."""
    return Reader(path, rejects, names=COLUMNS, numbers=NUMBERS)


def _block(batch: Batch, rejects: Rejects, edition: Edition, odd: Counter[str]) -> pa.RecordBatch:
    created, deleted = batch.number("created"), batch.number("deleted")
    used = batch.number("avg_cpu")
    # Nothing below uses them, but a row in which they are no numbers is damaged.
    for name in ("max_cpu", "p95_max_cpu"):
        batch.number(name)
    cores, memory_gb = (_size(batch, name, edition) for name in ("cores", "memory_gb"))
    batch.require("vm")
    batch.mark(~((created >= 0) & (created <= edition.end_s)), "created must be within the 30 days", created)
    batch.mark(~((deleted >= created) & (deleted < np.inf)), "deleted must not be before created", deleted)
    batch.mark(~(np.isnan(used) | (used >= 0)), "avg_cpu must be 0 or more percent", used)
    batch.mark(~((cores > 0) & (cores < TOO_MUCH / MILLI)), "cores must be more than 0", cores)
    batch.mark(~((memory_gb >= 0) & (memory_gb < TOO_MUCH / GIB)), "memory_gb must be 0 or more", memory_gb)
    category, subscription = batch.column("category"), batch.column("subscription")
    good = batch.reject(rejects)

    created, deleted, used, cores, memory_gb = (column[good] for column in (created, deleted, used, cores, memory_gb))
    rows = arrow_of(good)
    known = each(category.take(rows), lambda text: list(CLASSES).index(text) if text in CLASSES else -1.0)
    alive = deleted >= edition.end_s
    short = ~alive & (deleted - created < STEP_S)
    odd["virtual machines that were there before the trace began, submitted at time 0"] += int((created == 0).sum())
    odd["virtual machines that were still there at the end of the trace, how long they run is not known"] += int(
        alive.sum()
    )
    odd[f"virtual machines that were deleted when they were created, they run for {STEP_S:g} s"] += int(short.sum())
    odd["virtual machines of the category Unknown, taken as batch"] += int((known == 2).sum())
    odd["virtual machines of no or another category, taken as batch"] += int((known < 0).sum())
    odd["virtual machines without a mean CPU use, they use what they ask for"] += int(np.isnan(used).sum())
    odd["virtual machines with a mean CPU use of more than 100 percent, taken as 100"] += int((used > 100).sum())
    for name, sizes in edition.open_buckets.items():
        column = batch.column(name).take(rows)
        for bucket, size in sizes.items():
            odd[f"virtual machines with {name} in the bucket {bucket}, taken as {size:g}"] += int(
                each(column, lambda text, bucket=bucket: float(text == bucket)).sum()  # type: ignore[misc]
            )
    return jobs.block(
        good.size,
        submit_s=created,
        job=batch.column("vm").take(rows),
        user=subscription.take(rows),
        workload=pa.array(["batch", "service"]).take(arrow_of((known == 0).astype(np.int64))),
        duration_s=np.where(alive, OPEN_ENDED, np.maximum(deleted - created, STEP_S)),
        cpu_milli=thousandths(cores),
        memory_bytes=np.rint(memory_gb * GIB),
        cpu_cores=np.minimum(used, 100.0) / 100.0 * thousandths(cores) / MILLI,
    )


def _size(batch: Batch, name: str, edition: Edition) -> FloatArray:
    """Give the column of a size; NaN where it is none."""
    open_buckets = edition.open_buckets.get(name, {})
    return each(batch.column(name), lambda text: open_buckets.get(text, number_in(text)))


def number_in(text: str) -> float:
    """Read a number; NaN for what is none."""
    try:
        return float("no" if "_" in text else text)
    except ValueError:
        return float("nan")


def each(column: pa.Array, of: Callable[[str], float]) -> FloatArray:
    """Apply a function to a column of few different texts, once to each; it has an empty text where it is null."""
    coded = column.dictionary_encode()
    values = np.array([*map(of, coded.dictionary.to_pylist()), of("")], dtype=np.float64)
    found: FloatArray = values[numpy_of(coded.indices.fill_null(len(coded.dictionary)))]
    return found


def looks_like_v1(path: Path) -> bool:
    """Say whether a path is a table of the first edition, or a folder with one: some size is no bucket of the second.

    What has only sizes that the second edition also has is taken for that one.
    """
    sizes = _first_sizes(path)
    return any(not _is_bucket(size) for size in sizes) and all(number_in(text) > 0 for size in sizes for text in size)


def looks_like_v2(path: Path) -> bool:
    """Say whether a path is a table of the second edition, or a folder with one: all sizes are buckets of it."""
    sizes = _first_sizes(path)
    return bool(sizes) and all(map(_is_bucket, sizes))


def _is_bucket(size: tuple[str, str]) -> bool:
    return all(text in BUCKETS[name] for name, text in zip(("cores", "memory_gb"), size, strict=True))


def _first_sizes(path: Path) -> list[tuple[str, str]]:
    """Give cores and memory of the first rows, none if most of these are no rows of such a table."""
    tables = parts(path, "vmtable")
    rows = first_rows(tables[0], 100) if tables else []
    right = [row for row in rows if _is_row(row)]
    return [(row[9], row[10]) for row in right] if 2 * len(right) > len(rows) else []


def _is_row(row: list[str]) -> bool:
    return (
        len(row) == len(COLUMNS)
        and row[8] in CLASSES
        and all(number_in(text) >= 0 for text in row[3:5])
        and all(text == "" or number_in(text) >= 0 for text in row[5:8])
    )
