"""The table that a person reads after a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import inf
from typing import NamedTuple

from experiments.measures.statistics import Metric, estimate
from experiments.results.result import Result

#: Columns on the left of the table that name its rows: architecture and policy.
NAMES = 2


class Column(NamedTuple):
    """One column of the table, and what it means."""

    heading: str
    meaning: str
    value: Callable[[dict[str, Metric]], Metric]
    show: Callable[[float], str]


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _seconds(value: float) -> str:
    return f"{value:.3g} s"


def _worst(prefix: str) -> Callable[[dict[str, Metric]], Metric]:
    def value(metrics: dict[str, Metric]) -> Metric:
        groups = [metric for name, metric in metrics.items() if name.startswith(prefix + ".")]
        # Unknown is a fraction of which every transaction had a conflict.
        return max((inf if metric is None else metric for metric in groups), default=None)

    return value


def _share(part: str, whole: str) -> Callable[[dict[str, Metric]], Metric]:
    def value(metrics: dict[str, Metric]) -> Metric:
        of, among = metrics.get(part), metrics.get(whole)
        return of / among if of is not None and among else None

    return value


COLUMNS = (
    Column("placed", "jobs of which all containers found a host", _share("jobs_scheduled", "jobs_submitted"), _percent),
    Column("wait", "mean time from submission to the first attempt", lambda m: m.get("wait_mean_s"), _seconds),
    Column("wait p90", "nine of ten jobs waited no longer", lambda m: m.get("wait_p90_s"), _seconds),
    Column("busy", "share of time that the busiest group of schedulers thinks", _worst("busyness"), _percent),
    Column(
        "conflicts",
        "transactions with a conflict per transaction without, worst group; all: none was without",
        _worst("conflict_fraction"),
        lambda value: "all" if value == inf else f"{value:.3f}",
    ),
    Column("CPU alloc.", "share of all CPU allocated, mean over time", lambda m: m.get("cpu_allocated_mean"), _percent),
    Column(
        "imbalance CPU",
        "standard deviation over hosts of the share allocated (used, if shared), divided by its mean; mean over time",
        lambda m: m.get("cpu_imbalance"),
        lambda value: f"{value:.2f}",
    ),
    Column("memory", "the same for memory", lambda m: m.get("memory_imbalance"), lambda value: f"{value:.2f}"),
)

#: Where containers take time to start.
START_COLUMNS = (
    Column(
        "start",
        "time from when a container is placed to when it runs, mean over those that did",
        lambda m: m.get("start_mean_s"),
        _seconds,
    ),
)

#: Where there are MapReduce jobs.
MAPREDUCE_COLUMNS = (
    Column(
        "speed-up p80",
        "run time with the workers a MapReduce job asked for / its real one; a fifth of these jobs gained more",
        lambda m: m.get("mapreduce_speedup_p80"),
        lambda value: f"{value:.2f}",
    ),
)


#: Where hosts are shared.
SHARED_COLUMNS = (
    Column(
        "slowdown",
        "run time with neighbours / run time with the host to itself, mean over containers that finished",
        lambda m: m.get("slowdown_mean"),
        lambda value: f"{value:.2f}",
    ),
    Column(
        "p99",
        "the same, exceeded by one container in a hundred",
        lambda m: m.get("slowdown_p99"),
        lambda value: f"{value:.2f}",
    ),
    Column("CPU used", "share of all CPU used, mean over time", lambda m: m.get("cpu_used_mean"), _percent),
    Column("disk used", "share of all device time used, mean over time", lambda m: m.get("disk_used_mean"), _percent),
)


def columns(results: Sequence[Result]) -> tuple[Column, ...]:
    """Give the columns that say something about these results."""
    shown: tuple[Column, ...] = COLUMNS
    if any(result.metrics.get("start_mean_s") is not None for result in results):
        shown += START_COLUMNS
    if any("cpu_short_mean" in result.metrics for result in results):
        shown += SHARED_COLUMNS
    if any("mapreduce_jobs" in result.metrics for result in results):
        shown += MAPREDUCE_COLUMNS
    return shown


class Cell(NamedTuple):
    """A cell of the table: as a person reads it, and the mean that it goes by in an order, None where nobody knows."""

    text: str
    value: Metric


def cells(results: Sequence[Result]) -> dict[tuple[str, str], list[Cell]]:
    """Give the rows of the table, by architecture and policy: a cell for each of `columns`, means over seeds.

    Where there are several seeds, a number carries the half-width of its 95 % t-interval.
    """
    groups: dict[tuple[str, str], list[dict[str, Metric]]] = {}
    for result in results:
        groups.setdefault(result.key[:2], []).append(result.metrics)
    shown = columns(results)
    return {
        names: [_cell(column, [column.value(metrics) for metrics in runs]) for column in shown]
        for names, runs in groups.items()
    }


def table(results: Sequence[Result]) -> tuple[list[str], list[list[str]]]:
    """Give the headings and rows of the table as a person reads them; see `cells`."""
    rows = [[*names, *(cell.text for cell in row)] for names, row in cells(results).items()]
    return ["architecture", "policy", *(column.heading for column in columns(results))], rows


def parts(
    headings: Sequence[str], rows: Sequence[Sequence[str]], width: int, gap: int = 2
) -> Iterator[tuple[list[str], list[list[str]]]]:
    """Break a table that is too wide into several with the same names on the left.

    Parameters
    ----------
    headings, rows : sequence
        As `table` gives them.
    width : int
        Characters that a line may have.
    gap : int
        Characters between two columns.

    Yields
    ------
    list of str, list of list of str
        Headings and rows of each part; one column at least beside the names, however narrow the room.

    Examples
    --------
    >>> [headings for headings, rows in parts(["by", "policy", "wait", "busy"], [["one", "spread", "1 s", "5 %"]], 18)]
    [['by', 'policy', 'wait'], ['by', 'policy', 'busy']]
    """
    widths = [gap + max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    begin = NAMES
    while begin < len(headings):
        end, left = begin + 1, width - sum(widths[:NAMES]) - widths[begin]
        while end < len(headings) and left >= widths[end]:
            left -= widths[end]
            end += 1
        yield [*headings[:NAMES], *headings[begin:end]], [[*row[:NAMES], *row[begin:end]] for row in rows]
        begin = end


def legend(results: Sequence[Result]) -> list[str]:
    """Explain the columns, a line each."""
    return [f"{column.heading}: {column.meaning}" for column in columns(results)]


def _cell(column: Column, values: Sequence[Metric]) -> Cell:
    known = [float(value) for value in values if value is not None]
    if len(known) < len(values) or not known:
        return Cell("–", None)
    mean, half = estimate(known)
    return Cell(column.show(mean) if len(known) == 1 else f"{column.show(mean)} ± {column.show(half)}", mean)
