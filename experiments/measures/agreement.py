"""How far the tank was from the sea: every measure of runs that were made in both, pair by pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import inf, isfinite, nan
from typing import NamedTuple

from experiments.measures.checks import Verdict, times_within, within
from experiments.measures.decisions import Comparison, Decisions, compare
from experiments.measures.shapes import Shape
from experiments.measures.statistics import Estimate, Metric, estimate
from experiments.results.study import RunKey


class Measure(NamedTuple):
    """Something that is compared.

    Attributes
    ----------
    name : str
        Of the metric, or what it begins with before a dot.
    unit : str
        ``s``, or empty for a ratio or share.
    least : float
        Differences are told in parts of what was measured at sea, and in parts of this where that was less: 0 for
        what is always compared in proportion, 1 for shares, whose difference is told as it is.
    """

    name: str
    unit: str
    least: float


MEASURES = (
    Measure("start_mean_s", "s", 0.0),
    Measure("makespan_s", "s", 0.0),
    Measure("slowdown_mean", "", 0.0),
    Measure("wait_mean_s", "s", 1.0),
    Measure("cpu_imbalance", "", 1.0),
    Measure("disk_imbalance", "", 1.0),
    Measure("conflict_fraction", "", 1.0),
    Measure("busyness", "", 1.0),
)

#: Shares of what is the same in both worlds, run by run; of itself the sea would have all.
SAME_HOSTS, SAME_CONTAINERS = "decisions_equal", "containers_equal"

#: Architectures whose schedulers look at the cell when they have thought, since nobody else claims meanwhile.
LOOK_LATE = ("monolithic", "partitioned")

#: What policies are ranked by; less is better.
RANKED_BY = ("makespan_s", "slowdown_mean")


class Observed(NamedTuple):
    """One run in one world: its metrics, those made of its decisions among them, and the decisions."""

    metrics: Mapping[str, Metric]
    decisions: Decisions


def observed(metrics: Mapping[str, Metric], decisions: Decisions, shapes: Mapping[str, Shape]) -> Observed:
    """Add to the metrics of a run how long starts took and how much each demand shape was slowed.

    Parameters
    ----------
    metrics : mapping
        Of the run.
    decisions : Decisions
        Of the run.
    shapes : mapping
        The demand shape of every job.
    """
    # Nothing is launched where starts take no time.
    added: dict[str, Metric] = {"start_mean_s": metrics.get("start_mean_s") or 0.0}
    sums: dict[Shape, list[float]] = {}
    for end in decisions.ends:
        if end.alone_s and end.job in shapes:  # others did not finish, or nobody knows
            sums.setdefault(shapes[end.job], []).extend([end.seconds / end.alone_s] * end.tasks)
    for shape in Shape:
        if shape in sums:
            added[f"slowdown_mean.{shape}"] = sum(sums[shape]) / len(sums[shape])
    return Observed({**metrics, **added}, decisions)


class Row(NamedTuple):
    """One measure under one architecture and policy.

    Attributes
    ----------
    architecture, policy, measure, unit : str
        What of which.
    seeds : int
        How many pairs of runs it is of.
    tank, sea : float
        Means over seeds; NaN where a run has no such thing.
    difference : float
        Mean over seeds of (tank − sea) / max(sea, `least`).
    half : float
        Half-width of its 95 % t-interval over the pairs; infinite for a single seed.
    least : float
        As in `Measure`.
    verdict : Verdict
        Whether it is within the target.
    """

    architecture: str
    policy: str
    measure: str
    unit: str
    seeds: int
    tank: float
    sea: float
    difference: float
    half: float
    least: float
    verdict: Verdict


class Factor(NamedTuple):
    """How many times better than the first policy another is, in both worlds.

    Attributes
    ----------
    architecture, policy, baseline, measure : str
        The measure of the baseline / the measure of the policy; more than 1 is better.
    seeds : int
        How many pairs of runs.
    tank, sea : Estimate
        Means and intervals over seeds.
    apart : str
        The tank's factor / the sea's, with its interval.
    verdict : Verdict
        Whether that is within the target.
    """

    architecture: str
    policy: str
    baseline: str
    measure: str
    seeds: int
    tank: Estimate
    sea: Estimate
    apart: str
    verdict: Verdict


class Ranking(NamedTuple):
    """The policies of an architecture by a measure, best first, in both worlds.

    Attributes
    ----------
    architecture, measure : str
        Of what.
    tank, sea : tuple of str
        The policies.
    agreeing : float
        Share of the pairs of policies that stand in the same order in both.
    """

    architecture: str
    measure: str
    tank: tuple[str, ...]
    sea: tuple[str, ...]
    agreeing: float

    @property
    def same_best(self) -> bool:
        return self.tank[0] == self.sea[0]


class Agreement(NamedTuple):
    """All that comes of comparing."""

    rows: list[Row]
    factors: list[Factor]
    rankings: list[Ranking]
    comparisons: dict[RunKey, Comparison]

    @property
    def verdict(self) -> Verdict:
        """Give the verdict of all rows: the worst of them."""
        verdicts = {row.verdict for row in self.rows}
        return next((worst for worst in (Verdict.FAILS, Verdict.UNDECIDED) if worst in verdicts), Verdict.HOLDS)


def agreement(
    tank: Mapping[RunKey, Observed], sea: Mapping[RunKey, Observed], hosts: Sequence[str], target: float
) -> Agreement:
    """Compare runs that were made in both worlds; those that one of them lacks are left out.

    Parameters
    ----------
    tank, sea : mapping
        The runs, by key; the policy of the first is the one others are measured by.
    hosts : sequence of str
        What hosts are called.
    target : float
        How far apart a measure may be to hold, for instance 0.1.
    """
    keys = [key for key in tank if key in sea]
    comparisons = {
        key: compare(
            tank[key].decisions, sea[key].decisions, hosts, late=key.architecture.partition(":")[0] in LOOK_LATE
        )
        for key in keys
    }
    groups: dict[tuple[str, str], list[RunKey]] = {}
    for key in keys:
        groups.setdefault((key.architecture, key.policy), []).append(key)
    rows: list[Row] = []
    for runs in groups.values():
        shares = [
            (SAME_HOSTS, [comparisons[key].jobs_share for key in runs]),
            (SAME_CONTAINERS, [comparisons[key].containers_share for key in runs]),
        ]
        rows += [_of_shares(runs[0], name, known, target) for name, values in shares if (known := _known(values))]
        names = list(dict.fromkeys(name for key in runs for name in (*tank[key].metrics, *sea[key].metrics)))
        for measure in MEASURES:
            for name in names:
                if name.partition(".")[0] == measure.name and _compared(name):
                    pairs = [(tank[key].metrics.get(name), sea[key].metrics.get(name)) for key in runs]
                    rows += _of_pairs(runs[0], name, measure, pairs, target)
    return Agreement(rows, _factors(groups, tank, sea, target), _rankings(groups, tank, sea), comparisons)


def _compared(name: str) -> bool:
    """Leave out the waits of single classes: they are in the summaries."""
    return not name.startswith("wait_mean_s.")


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _of_shares(key: RunKey, name: str, shares: list[float], target: float) -> Row:
    lacking = [share - 1 for share in shares]
    mean, half = estimate(lacking)
    verdict = within("", name, lacking, -target, target).verdict
    return Row(key.architecture, key.policy, name, "", len(shares), 1 + mean, 1.0, mean, half, 1.0, verdict)


def _of_pairs(
    key: RunKey, name: str, measure: Measure, pairs: Sequence[tuple[Metric, Metric]], target: float
) -> list[Row]:
    """Compare a measure over seeds; nothing where nobody knows it. What only one world knows does not hold."""
    told = [(nan if a is None else a, nan if b is None else b) for a, b in pairs if a is not None or b is not None]
    if not told:
        return []
    apart = [_apart(*pair, measure.least) for pair in told]
    mean, half = estimate(apart) if all(isfinite(value) for value in apart) else Estimate(nan, nan)
    ours, theirs = (sum(values) / len(told) for values in zip(*told, strict=True))
    return [
        Row(
            key.architecture, key.policy, name, measure.unit, len(told), ours, theirs, mean, half, measure.least,
            within("", name, apart, -target, target).verdict,
        )
    ]  # fmt: skip


def _apart(tank: float, sea: float, least: float) -> float:
    if tank == sea:
        return 0.0
    of = max(sea, least)
    return (tank - sea) / of if of else inf


def _factors(
    groups: Mapping[tuple[str, str], list[RunKey]],
    tank: Mapping[RunKey, Observed],
    sea: Mapping[RunKey, Observed],
    target: float,
) -> list[Factor]:
    factors = []
    baseline = next(iter(groups))[1] if groups else ""
    for (architecture, policy), runs in groups.items():
        for measure in RANKED_BY if policy != baseline else ():
            pairs = [
                tuple(_times(world, key, key._replace(policy=baseline), measure) for world in (tank, sea))
                for key in runs
            ]
            known = [(ours, theirs) for ours, theirs in pairs if ours is not None and theirs is not None]
            if known:
                check = times_within(
                    "", measure, [ours / theirs for ours, theirs in known], 1 / (1 + target), 1 + target
                )
                here, there = (estimate(values) for values in zip(*known, strict=True))
                factors.append(
                    Factor(architecture, policy, baseline, measure, len(known), here, there, check.ours, check.verdict)
                )
    return factors


def _times(world: Mapping[RunKey, Observed], key: RunKey, baseline: RunKey, measure: str) -> float | None:
    """Give how many times the baseline's measure is that of a run; None where one of them is not known."""
    if baseline not in world:
        return None
    ours, theirs = world[key].metrics.get(measure), world[baseline].metrics.get(measure)
    return theirs / ours if ours and theirs else None


def _rankings(
    groups: Mapping[tuple[str, str], list[RunKey]], tank: Mapping[RunKey, Observed], sea: Mapping[RunKey, Observed]
) -> list[Ranking]:
    rankings = []
    for architecture in dict.fromkeys(architecture for architecture, _ in groups):
        runs = {policy: keys for (name, policy), keys in groups.items() if name == architecture}
        for measure in RANKED_BY:
            here, there = (
                {policy: mean for policy, keys in runs.items() if (mean := _mean(world, keys, measure)) is not None}
                for world in (tank, sea)
            )
            ranked = [policy for policy in here if policy in there]
            if len(ranked) < 2:
                continue
            alike = [_order(here, *pair) == _order(there, *pair) for pair in combinations(ranked, 2)]
            rankings.append(
                Ranking(
                    architecture, measure, tuple(sorted(ranked, key=here.__getitem__)),
                    tuple(sorted(ranked, key=there.__getitem__)), sum(alike) / len(alike),
                )
            )  # fmt: skip
    return rankings


def _mean(world: Mapping[RunKey, Observed], keys: Sequence[RunKey], measure: str) -> float | None:
    values = [world[key].metrics.get(measure) for key in keys]
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None


def _order(means: Mapping[str, float], one: str, other: str) -> int:
    return int(means[one] > means[other]) - int(means[one] < means[other])
