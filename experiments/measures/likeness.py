"""How like a generated workload is to the trace that it was fitted to."""

from __future__ import annotations

from collections.abc import Iterator
from math import nan
from typing import NamedTuple

import numpy as np

from policies.arrays import BoolArray, FloatArray
from traces.fit import FEWEST, Measured, Part
from traces.fit.laws import rank_correlations
from traces.fit.sampling import summed
from traces.generate.spec import SIZES, USE_QUANTITIES

#: Lengths of time that jobs are counted in, and what the rows of the table are called.
HOUR_S, MINUTE_S = 3600.0, 60.0

#: Time bins that are looked at at most.
BINS = 20_000

UNITS = {
    "gap_s": "s", "tasks": "containers", "duration_s": "s", "cpus": "cores", "memory_bytes": "bytes", "gpus": "GPUs",
    "cpu_demand": "cores", "memory_demand_bytes": "bytes", "disk_read_bps": "bytes/s", "disk_write_bps": "bytes/s",
    "io_size_bytes": "bytes", "random_io": "share", "net_bps": "bytes/s",
}  # fmt: skip


class Row(NamedTuple):
    """How far a quantity of a class is from that of the original, and how far halves of the original are apart.

    Attributes
    ----------
    workload, quantity : str
        Of which jobs, and what.
    measure : str
        ``KS``, the Kolmogorov-Smirnov distance of two samples, the largest difference of their distribution functions;
        or ``rank correlation``, the difference of two of Spearman's coefficients.
    distance : float
        Between original and generated.
    halves : float
        Between the first and the second half of the jobs of the original (of its time, for jobs per hour): what is left
        of a likeness by chance and by change.
    """

    workload: str
    quantity: str
    measure: str
    distance: float
    halves: float


class Likeness(NamedTuple):
    """What of a class is compared: by quantity, the values of original and generated."""

    name: str
    samples: dict[str, tuple[FloatArray, FloatArray]]
    unit_s: float


def likenesses(original: Measured, generated: Measured) -> Iterator[tuple[Likeness, list[Row]]]:
    """Compare each part of a trace that laws were fitted to with what was generated from them.

    Yields
    ------
    Likeness, list of Row
        What is compared, to be drawn, and the distances.
    """
    others = {part.name: part for part in generated.parts}
    for part in original.parts:
        other = others.get(part.name)
        if part.jobs >= FEWEST and other is not None:
            yield _compare(part, other, original, generated)


def _compare(part: Part, other: Part, original: Measured, generated: Measured) -> tuple[Likeness, list[Row]]:
    mine, theirs = part.columns(), other.columns()
    late = mine["submit_s"] > np.median(mine["submit_s"])
    samples: dict[str, tuple[FloatArray, FloatArray]] = {}
    halves: dict[str, tuple[FloatArray, FloatArray]] = {}
    rows = []
    unit_s = _unit_s(original.span_s)
    if not part.there:
        # The first job has no gap before it.
        gaps, known = mine["gap_s"], np.isfinite(mine["gap_s"])
        samples["gap_s"] = gaps[known], theirs["gap_s"][np.isfinite(theirs["gap_s"])]
        halves["gap_s"] = gaps[known & ~late], gaps[known & late]
        counts = _per_unit(part, original, unit_s)
        unit = {HOUR_S: "h", MINUTE_S: "min"}.get(unit_s, f"{unit_s:g} s")
        label = f"jobs per {unit}"
        samples[label] = counts, _per_unit(other, generated, unit_s)
        halves[label] = counts[: counts.size // 2], counts[counts.size // 2 :]
    sized = [
        name
        for name in (*SIZES, *USE_QUANTITIES)
        if np.isfinite(mine[name]).all() and np.isfinite(theirs[name]).all() and _varies(mine[name], theirs[name])
    ]
    for used, asked in (("cpu_demand", "cpus"), ("memory_demand_bytes", "memory_bytes")):
        if used in sized and np.allclose(mine[used], mine[asked], rtol=1e-9):
            sized.remove(used)
    for name in sized:
        samples[name] = mine[name], theirs[name]
        halves[name] = mine[name][~late], mine[name][late]
    for name, (first, second) in samples.items():
        apart = nan if part.there else distance(*halves[name])
        rows.append(Row(part.name, name, "KS", distance(first, second), apart))
    if len(sized) > 1:
        rows += _correlations(part, sized, mine, theirs, late)
    return Likeness(part.name, samples, unit_s), rows


def _correlations(
    part: Part, names: list[str], mine: dict[str, FloatArray], theirs: dict[str, FloatArray], late: BoolArray
) -> Iterator[Row]:
    """Compare how each two quantities go together."""
    of_mine, of_theirs, of_early, of_late = (
        rank_correlations([columns[name][chosen] for name in names])
        for columns, chosen in ((mine, slice(None)), (theirs, slice(None)), (mine, ~late), (mine, late))
    )
    for i, one in enumerate(names):
        for j, other in enumerate(names[:i]):
            apart = nan if part.there else abs(float(of_early[i, j] - of_late[i, j]))
            off = abs(float(of_mine[i, j] - of_theirs[i, j]))
            yield Row(part.name, f"{other} ~ {one}", "rank correlation", off, apart)


def _unit_s(span_s: float) -> float:
    if span_s >= 24 * HOUR_S:
        return HOUR_S
    return MINUTE_S if span_s >= 24 * MINUTE_S else max(float(np.floor(span_s / 24)), 1.0)


def _per_unit(part: Part, measured: Measured, unit_s: float) -> FloatArray:
    """Give how many jobs came in each of the units of time, empty ones too, of a span that may be cut to `BINS`."""
    width_s = part.counts.width_s
    bins, came = part.counts.at(width_s)
    units = max(min(int(measured.span_s // unit_s), BINS), 1)
    unit = np.floor((bins * width_s - measured.begin_s) / unit_s)
    inside = (unit >= 0) & (unit < units)
    return summed(unit[inside].astype(np.int64), came[inside], units)


def _varies(one: FloatArray, two: FloatArray) -> bool:
    return bool((one != one[0]).any() or (two != one[0]).any())


def distance(one: FloatArray, two: FloatArray) -> float:
    r"""Give the Kolmogorov-Smirnov distance of two samples, :math:`\max_x |F_1(x) - F_2(x)|`.

    Examples
    --------
    >>> distance(np.array([1.0, 2.0, 3.0, 4.0]), np.array([3.0, 4.0, 5.0, 6.0]))
    0.5
    """
    if not one.size or not two.size:
        return nan
    values = np.concatenate((one, two))
    shares = [np.sort(sample).searchsorted(values, side="right") / sample.size for sample in (one, two)]
    return float(np.abs(shares[0] - shares[1]).max())
