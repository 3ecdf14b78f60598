"""A description of a workload, fitted to what was seen of a trace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf, sqrt

import numpy as np

from policies.arrays import FloatArray
from traces.fit.coming import CONFIDENCE, Coming, Interval, fit_arrivals
from traces.fit.laws import POINTS, fit_correlations, fit_law
from traces.fit.measuring import FEWEST, Measured, Part
from traces.fit.sampling import STEPS
from traces.generate.laws import Constant, Exponential, Lognormal, Marginal
from traces.generate.spec import READ_AHEAD, SIZES, USE_QUANTITIES, ClassSpec, Correlation, UsesSpec, WorkloadSpec
from traces.trace import Trace

#: Of a quantity that is never 0 where it matters.
_LEAST = {"io_size_bytes": 1.0}

#: What containers use by default, by the quantity that says what they ask for.
_AS_ASKED = {"cpu_demand": "cpus", "memory_demand_bytes": "memory_bytes"}


@dataclass(frozen=True)
class Fitted:
    """A description and how sure its parameters are.

    Attributes
    ----------
    spec : WorkloadSpec
        Its notes say what it is of, and what was left out.
    intervals : mapping of str to Interval
        By the parameter's place in the file, for instance ``batch.arrivals.bursts.60``; at the level `CONFIDENCE`.
        Quantile and empirical laws have none: they are exact at their points.
    """

    spec: WorkloadSpec
    intervals: Mapping[str, Interval]


def fit(measured: Measured, trace: Trace) -> Fitted:
    """Fit a description to what was seen of a trace.

    Parameters
    ----------
    measured : Measured
        What was seen.
    trace : Trace
        Of what; for the notes.

    Returns
    -------
    Fitted
        With a class for each part of a workload class, which lasts as long as the trace and has no hosts.

    Notes
    -----
    A part of fewer than `FEWEST` jobs says too little for laws: its jobs come independently of one another at their
    mean rate and are all like the median of each quantity, rounded.
    """
    intervals: dict[str, Interval] = {}
    classes, notes = [], []
    names: set[str] = set()
    for part in measured.parts:
        name = _one_line(part.name) or "jobs"
        while name in names:
            name += "-"
        names.add(name)
        fitted = _few(part, name, measured) if part.jobs < FEWEST else _class(part, name, measured, intervals)
        classes.append(fitted)
        notes.append(_said(part, fitted))
    head = [f"fitted to {trace.path.name} ({trace.format}): no row of it is in here"]
    for name, text in (
        ("data set", trace.dataset),
        ("licence of the original", trace.licence),
        ("credit", trace.credit),
    ):
        if text:
            head.append(f"{name}: {text}")
    head.append(
        f"from {measured.begin_s:.6g} s to {measured.end_s:.6g} s; laws of at most {POINTS} points of rounded values, "
        "beyond the largest of which there is nothing"
    )
    odd = [f"{text}: {count:,}" for text, count in measured.odd.items()]
    told = (".interarrival_s.", ".bursts.")
    sure = [
        f"{name}: {one}, at {CONFIDENCE:.0%}" for name, one in intervals.items() if any(map(name.__contains__, told))
    ]
    lines = tuple(_one_line(line) for line in (*head, *notes, *odd, *sure))
    span_s = max(round(measured.span_s, 3), 1e-3)
    return Fitted(WorkloadSpec(span_s, tuple(classes), notes=lines), intervals)


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _said(part: Part, fitted: ClassSpec) -> str:
    line = f"{fitted.name}: of {part.jobs:,} jobs"
    kept = min(part.jobs, len(part.sample.rows()))
    if kept < part.jobs:
        line += f", sizes of {kept:,} of them"
    if part.there:
        line += ", which are there at the beginning"
    if part.endless:
        line += ", without a recorded end"
    if part.jobs < FEWEST:
        line += f"; fewer than {FEWEST}, so all are like the median"
    return line


def _few(part: Part, name: str, measured: Measured) -> ClassSpec:
    columns = part.columns()
    medians = {quantity: _digits(float(np.median(columns[quantity])), 2) for quantity in SIZES}
    gap_s = measured.span_s / part.jobs
    return ClassSpec(
        name,
        interarrival_s=Constant(0.0) if part.there else Exponential(_digits(gap_s, 3)),
        jobs=part.jobs if part.there else None,
        workload=_one_line(part.workload),
        **{quantity: Constant(value) for quantity, value in medians.items()},  # type: ignore[arg-type]
    )


def _class(part: Part, name: str, measured: Measured, intervals: dict[str, Interval]) -> ClassSpec:
    columns = part.columns()
    laws: dict[str, Marginal] = {
        quantity: Constant(inf)
        if quantity == "duration_s" and part.endless
        else fit_law(columns[quantity], quantity == "tasks")
        for quantity in SIZES
    }
    used = _used(columns)
    uses = {quantity: fit_law(np.maximum(columns[quantity], _LEAST.get(quantity, 0.0))) for quantity in used}
    for quantity, law in {**laws, **uses}.items():
        for parameter, interval in _sure(law, len(columns[quantity])).items():
            intervals[f"{name}.{quantity}.{parameter}"] = interval
    ties = fit_correlations(columns, {**laws, **uses})
    for (one, other), interval in ties.items():
        intervals[f"{name}.correlations.{one}.{other}"] = interval
    coming: dict[str, object] = {"interarrival_s": Constant(0.0), "jobs": part.jobs}
    if not part.there:
        coming = _coming(fit_arrivals(part.counts, measured.begin_s, measured.end_s, part.steps), name, intervals)
    plain = ClassSpec(
        name,
        workload=_one_line(part.workload),
        uses=UsesSpec(**uses) if uses else None,
        **laws,  # type: ignore[arg-type]
        **coming,  # type: ignore[arg-type]
    )
    rhos = {pair: interval.value for pair, interval in ties.items()}
    # Without the weakest of them the others may contradict one another by a little.
    for weaker in (1.0, 0.99, 0.97, 0.95, 0.9, 0.8, 0.7):
        try:
            correlations = [Correlation(*pair, round(weaker * rho, 3)) for pair, rho in rhos.items()]
            return replace(plain, correlations=tuple(correlations))
        except ValueError:
            continue
    return plain


def _used(columns: Mapping[str, FloatArray]) -> list[str]:
    """Name what containers use that is not what is assumed where nobody said."""
    default = {name: np.zeros(1) for name in USE_QUANTITIES} | {"io_size_bytes": np.array([READ_AHEAD.value])}
    default |= {name: columns[asked] for name, asked in _AS_ASKED.items()}
    return [name for name in USE_QUANTITIES if not np.allclose(columns[name], default[name], rtol=1e-9, atol=1e-12)]


def _coming(coming: Coming, name: str, intervals: dict[str, Interval]) -> dict[str, object]:
    arrivals = coming.arrivals
    for burst in arrivals.bursts:
        intervals[f"{name}.arrivals.bursts.{burst.every_s:g}"] = coming.variances[burst.every_s]
    if len(arrivals.rates_per_h) == 1 and not arrivals.bursts and arrivals.step_s < STEPS[-1]:
        [rate] = coming.rates_per_h
        mean = Interval(*(3600 / end if end else inf for end in (rate.value, rate.high, rate.low)))
        intervals[f"{name}.interarrival_s.mean"] = mean
        return {"interarrival_s": Exponential(_digits(mean.value, 5))}
    for slot, interval in enumerate(coming.rates_per_h):
        intervals[f"{name}.arrivals.rates_per_h.{slot}"] = interval
    return {"interarrival_s": None, "arrivals": arrivals}


def _sure(law: Marginal, n: int) -> dict[str, Interval]:
    r"""Give the intervals of a law's parameters, fitted to so many values.

    Notes
    -----
    Normal ones: the standard error of an exponential mean is :math:`m / \sqrt n`, that of a log-median
    :math:`\sigma / \sqrt n`, that of :math:`\sigma` is :math:`\sigma / \sqrt{2n}`.
    """
    from scipy.special import ndtri

    z = float(ndtri((1 + CONFIDENCE) / 2)) / sqrt(n)
    if isinstance(law, Exponential):
        return {"mean": Interval(law.mean, law.mean / (1 + z), law.mean / max(1 - z, 1e-9))}
    if isinstance(law, Lognormal):
        times, part = float(np.exp(z * law.sigma)), z / sqrt(2)
        return {
            "median": Interval(law.median, law.median / times, law.median * times),
            "sigma": Interval(law.sigma, law.sigma / (1 + part), law.sigma / max(1 - part, 1e-9)),
        }
    return {}


def _digits(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")
