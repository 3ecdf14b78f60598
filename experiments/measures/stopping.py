r"""When are there seeds enough: until every interval is as narrow as was asked for.

Of one metric in :math:`n` runs that differ in their seed, mean :math:`\bar x` and 95 % t-interval
:math:`\bar x \pm h`; they are enough once :math:`h \le \gamma |\bar x|` in every group that is looked at: the
sequential procedure for a relative error of A. M. Law, *Simulation Modeling and Analysis*. That such an interval covers
the mean as often as it says as :math:`\gamma` goes to 0 is due to Y. S. Chow and H. Robbins, "On the asymptotic theory
of fixed-width sequential confidence intervals for the mean", Annals of Mathematical Statistics 36 (1965).

Where :math:`\gamma` is not small, it covers less often: one stops as soon as the deviation *happens* to be small, and
the fewer runs there are at the first look, the more often it is so by chance. Law advises ten runs or more before the
first look, and a relative error of at most 15 %. We begin with ten, and look seldom: each time there are up to half as
many more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import ceil, inf, isfinite
from typing import NamedTuple

from experiments.measures.statistics import Metric, estimate
from experiments.results.result import Result

#: Seeds before the first look.
FIRST = 10


class Short(NamedTuple):
    """What is not precise enough yet.

    Attributes
    ----------
    architecture, policy, metric : str
        Of what.
    share : float
        Half of the interval over the mean; infinite where that is 0 or a run does not say.
    """

    architecture: str
    policy: str
    metric: str
    share: float


def relative_half_width(values: Sequence[Metric]) -> float:
    """Give half of the 95 % t-interval over the absolute mean; infinite where there is no telling.

    Examples
    --------
    >>> relative_half_width([2.0, 2.0])
    0.0
    >>> round(relative_half_width([1.0, 2.0, 3.0]), 3)
    1.242
    >>> relative_half_width([1.0, None])
    inf
    """
    known = [float(value) for value in values if value is not None]
    if len(known) < len(values) or not all(map(isfinite, known)):
        return inf
    mean, half = estimate(known)
    if half == 0:
        return 0.0
    return half / abs(mean) if mean and isfinite(half) else inf


def shortfalls(results: Iterable[Result], of: Sequence[str], precision: float) -> list[Short]:
    """Give what is not precise enough in some runs, for each architecture, policy and metric.

    Parameters
    ----------
    results : iterable of Result
        The runs.
    of : sequence of str
        Names of metrics; where a group's runs have none of that name, it is not looked at there.
    precision : float
        How wide half of an interval may be over its mean.
    """
    groups: dict[tuple[str, str], list[Mapping[str, Metric]]] = {}
    for result in results:
        groups.setdefault((result.key.architecture, result.key.policy), []).append(result.metrics)
    found = [
        Short(*group, name, relative_half_width([metrics.get(name) for metrics in runs]))
        for group, runs in groups.items()
        for name in of
        if any(name in metrics for metrics in runs)
    ]
    return [one for one in found if one.share > precision]


def next_count(short: Sequence[Short], count: int, precision: float, most: int) -> int:
    r"""Say how many seeds there are to be next; as many as there are, if they are enough or may not be more.

    Parameters
    ----------
    short : sequence of Short
        What is not precise enough with so many.
    count : int
        How many there are.
    precision : float
        How wide half of an interval may be over its mean.
    most : int
        How many there may be.

    Notes
    -----
    Half an interval shrinks with :math:`1/\sqrt n`: what is wanted is about :math:`n (h / \gamma |\bar x|)^2`, of which
    at most :math:`n / 2` are added before the next look. It goes by the results alone, so that a study that is taken up
    again, or made by more processes, ends with the same seeds.
    """
    if not short or count >= most:
        return count
    ratio = max(one.share for one in short) / precision
    wanted = ceil(count * ratio**2) if ratio < count else inf
    return int(min(most, max(count + 1, min(wanted, count + count // 2))))
