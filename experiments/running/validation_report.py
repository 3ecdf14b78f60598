"""What a person reads of a validation: tables, sentences and a report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite

from experiments.measures.agreement import Agreement, Factor, Row
from experiments.measures.statistics import Estimate
from experiments.results.study import Study


def report(agreed: Agreement, sea: Study, hosts: int, target: float, notes: Sequence[str] = ()) -> str:
    """Give the report as Markdown.

    Parameters
    ----------
    agreed : Agreement
        How far apart tank and sea were.
    sea : Study
        What was run at sea.
    hosts : int
        On how many hosts.
    target : float
        How far apart a measure may be to hold.
    notes : sequence of str
        What was assumed.
    """
    seeds = len(sea.seeds)
    lines = [
        "# The tank against the sea",
        "",
        f"`{sea.trace}` on {hosts} hosts (`{sea.on}`), {seeds} seed{'s' * (seeds > 1)}; a measure "
        f"holds if the tank was within {target:.0%} of the sea. All in all: **{agreed.verdict}**.",
        "",
        "## Measures",
        "",
        LEGEND,
        "",
        *_markdown(ROW_HEADINGS, [row_cells(row) for row in agreed.rows]),
    ]
    if agreed.factors:
        lines += ["", "## Policies against each other", "", f"Times as good as `{agreed.factors[0].baseline}`.", ""]
        lines += _markdown(FACTOR_HEADINGS, [factor_cells(factor) for factor in agreed.factors])
    lines += ["", *(f"- {line}" for line in ranking_lines(agreed))]
    lines += ["", "## Decisions", "", "What was the first to differ, run by run:", ""]
    lines += [f"- {line}" for line in decision_lines(agreed)]
    if notes:
        lines += ["", "## Notes", "", *(f"- {note}" for note in notes)]
    return "\n".join(lines) + "\n"


LEGEND = (
    "Means over seeds; the difference is tank − sea of each pair of runs, in proportion to the sea where it stands in "
    "per cent, with its 95 % t-interval over the pairs. `decisions_equal` is the share of jobs whose containers went "
    "to the same hosts, `containers_equal` the share of containers."
)
ROW_HEADINGS = ("architecture", "policy", "measure", "tank", "sea", "difference", "verdict")
FACTOR_HEADINGS = ("architecture", "policy", "measure", "tank", "sea", "tank / sea", "verdict")


def row_cells(row: Row) -> tuple[str, ...]:
    """Give a row of the table as a person reads it."""
    unit = f" {row.unit}" if row.unit else ""
    relative = row.sea > row.least
    difference, half = row.difference, row.half
    if isfinite(difference):
        shown = _signed(difference, half, relative, unit)
    else:
        shown = "–"
    values = [f"{value:.3g}{unit}" if isfinite(value) else "–" for value in (row.tank, row.sea)]
    return (row.architecture, row.policy, row.measure, *values, shown, str(row.verdict))


def _signed(difference: float, half: float, relative: bool, unit: str) -> str:
    if relative:
        return f"{difference:+.1%}" + (f" ± {half:.1%}" if isfinite(half) else "")
    return f"{difference:+.3f}" + (f" ± {half:.3f}" if isfinite(half) else "") + unit


def factor_cells(factor: Factor) -> tuple[str, ...]:
    """Give how many times better a policy is than the baseline, as a person reads it."""
    return (
        factor.architecture, factor.policy, factor.measure, _times(factor.tank), _times(factor.sea), factor.apart,
        str(factor.verdict),
    )  # fmt: skip


def _times(factor: Estimate) -> str:
    return f"{factor.mean:.3g}×" + (f" ± {factor.half:.2g}" if isfinite(factor.half) else "")


def ranking_lines(agreed: Agreement) -> list[str]:
    """Say of each ranking whether the best at sea is the best in the tank."""
    return [
        f"{ranking.architecture}, by `{ranking.measure}`: the best policy at sea is `{ranking.sea[0]}`, "
        + ("and so it is in the tank" if ranking.same_best else f"in the tank it is `{ranking.tank[0]}`")
        + f"; {ranking.agreeing:.0%} of the pairs of policies stand in the same order."
        for ranking in agreed.rankings
    ]


def decision_lines(agreed: Agreement) -> list[str]:
    """Say of each run which decision was the first to differ, and why."""
    return [
        f"{key.architecture}, {key.policy}, seed {key.seed}: "
        + (comparison.first.why if comparison.first else "all decisions are equal, one by one.")
        for key, comparison in agreed.comparisons.items()
    ]


def _markdown(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return [f"| {' | '.join(cells)} |" for cells in (headings, ["---"] * len(headings), *escaped)]
