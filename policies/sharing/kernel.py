"""The shares of one host that runs few kinds of containers, as a simulation asks for them at every event.

The same as `policies.sharing.progress` for one host, in plain Python, which for a handful of kinds is many times
faster than arrays are; and with one level of groups for the CPU.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from policies.sharing.progress import ROUNDS, TINY_WEIGHT, TOLERANCE, WHOLE_STEPS

#: Which resource it is whose containers may stand in groups.
CPU = 0

#: What may stop a kind: the column of the level, the resource, and the rate for each unit of the level.
_Stop = tuple[int, int, float]


class Kind:
    """Equal containers of one host.

    Parameters
    ----------
    count : int
        How many they are; may be changed at any time.
    needs : sequence of float, one a resource
        What one of them uses at full speed, finite: cores, device-seconds per second, bytes per second.
    weights : sequence of float, one a resource
        What one of them is entitled to of each resource, relative to the others, finite. Those of weight 0 get what
        nobody with weight wants (but for a part in :math:`10^{100}`).
    limit : float
        The most that the rate of one can be, 0 to 1: less than 1 for a quota below what it needs, or for what
        `policies.sharing.slowdown` says. May be changed at any time.
    group : int
        In which group it competes for the CPU, counted from 0; -1 for none.

    Raises
    ------
    ValueError
        If anything is negative or NaN, a need or weight infinite, or the limit more than 1.
    """

    __slots__ = ("count", "group", "limit", "needs", "paces", "weights")

    def __init__(
        self, count: int, needs: Sequence[float], weights: Sequence[float], limit: float = 1.0, group: int = -1
    ) -> None:
        if not all(0 <= amount < math.inf for amount in (*needs, *weights)):
            raise ValueError("needs and weights must be finite and not negative")
        if count < 0 or not 0 <= limit <= 1:
            raise ValueError("a count must not be negative, and a limit within 0 and 1")
        self.count = count
        self.limit = limit
        self.group = group
        self.needs = tuple(needs)
        self.weights = tuple(weight or TINY_WEIGHT for weight in weights)
        #: The rate of one for each unit of a resource's level.
        self.paces = tuple(
            weight / need if need else math.inf for need, weight in zip(self.needs, self.weights, strict=True)
        )


def use(kinds: Sequence[Kind], rates: Sequence[float], resources: int) -> list[float]:
    """Say how much of each resource is used at these rates, or, at their limits, how much is wanted."""
    total = [0.0] * resources
    for kind, rate in zip(kinds, rates, strict=True):
        together = kind.count * rate
        for resource, need in enumerate(kind.needs):
            total[resource] += together * need
    return total


def solve(
    capacity: Sequence[float],
    kinds: Sequence[Kind],
    wanted: Sequence[float] | None = None,
    group_weights: Sequence[float] = (),
) -> list[float]:
    r"""Say how fast the containers of one host advance.

    Parameters
    ----------
    capacity : sequence of float, one a resource
        What the host has, finite and not negative: cores (first, if there are groups), device-seconds of disk per
        second, bytes per second of network.
    kinds : sequence of Kind
        Who is there.
    wanted : sequence of float, one a resource, optional
        The sums of count × need × limit, if the caller keeps them: then it costs next to nothing to see that there is
        enough for all. If these are wrong, so is the result.
    group_weights : sequence of float, optional
        How much each group weighs for the CPU, more than 0, where it competes as one with containers in no group.

    Returns
    -------
    list of float, one a kind
        The rate of each container of the kind relative to that alone on the host, 0 to 1.

    Notes
    -----
    What is fair, and how it is found, is said at `policies.sharing.progress.progress`. A group wants what its members
    want together as the other resources limit them, and what it gets is shared out among them in the same way.

    Examples
    --------
    A container that needs little of the core is not slowed by two that would each use all of it:

    >>> solve((1.0, 1.0), [Kind(2, (1.0, 0.0), (1.0, 1.0)), Kind(1, (0.25, 0.9), (1.0, 1.0))])
    [0.375, 1.0]
    """
    if wanted is None:
        wanted = use(kinds, [kind.limit for kind in kinds], len(capacity))
    short = [resource for resource, there in enumerate(capacity) if wanted[resource] > there]
    if not short:
        return [kind.limit for kind in kinds]
    if len(short) > 1 or (group_weights and short[0] == CPU):
        return _coupled(capacity, kinds, short, group_weights)
    (resource,) = short
    level = _level(
        capacity[resource],
        [
            (kind.limit / kind.paces[resource], kind.count * kind.limit * need, kind.count * kind.weights[resource])
            for kind in kinds
            if (need := kind.needs[resource])
        ],
    )
    rates = []
    for kind in kinds:
        rate = level * kind.paces[resource] if kind.needs[resource] else 1.0
        rates.append(rate if rate < kind.limit else kind.limit)
    return rates


def _level(there: float, items: list[tuple[float, float, float]]) -> float:
    """Say at which level a resource is used up by items of (level at which it has all, all, weight); ``inf`` if not."""
    for _, want, _ in items:
        there -= want
    if there >= 0 or not items:
        return math.inf
    # From the item that is last to have all it wants: until the level has reached that of the next, more are short.
    # Summed in this order a small weight is not what is left of large ones.
    items.sort(reverse=True)
    weight, level, last = 0.0, 0.0, len(items) - 1
    for place, (_, want, own) in enumerate(items):
        there += want
        weight += own
        if place == last or there >= weight * items[place + 1][0]:
            level = there / weight if there > 0 else 0.0
            break
    return level


def _coupled(
    capacity: Sequence[float], kinds: Sequence[Kind], short: list[int], group_weights: Sequence[float]
) -> list[float]:
    """Do what `solve` says where several resources are short, or groups compete.

    There is a level for each resource, which is that of the CPU for who is in no group, and behind them one for each
    group; ``inf`` for what stops nobody.
    """
    resources = len(capacity)
    levels = [math.inf] * (resources + len(group_weights))
    stops: list[list[_Stop]] = [
        [
            (
                resources + kind.group if resource == CPU and kind.group >= 0 else resource,
                resource,
                kind.paces[resource],
            )
            for resource in short
            if kind.needs[resource]
        ]
        for kind in kinds
    ]
    for round_ in range(ROUNDS):
        before = levels.copy()
        for resource in short:
            most = _rates(kinds, stops, levels, resource)
            _share_out(resource, capacity[resource], kinds, most, levels, group_weights)
        if len(short) == 1:
            return _rates(kinds, stops, levels)
        if round_ >= WHOLE_STEPS:
            levels = [
                (min(new, 3.0 * old) + min(old, 3.0 * new)) / 2.0 for new, old in zip(levels, before, strict=True)
            ]
        exact = _exact(capacity, kinds, short, group_weights, stops, levels)
        if exact is not None:
            return exact
        if all(
            new == old or abs(new - old) <= TOLERANCE * min(new, old) for new, old in zip(levels, before, strict=True)
        ):
            break
    rates = _rates(kinds, stops, levels)
    for resource in short:
        levels = [math.inf] * len(levels)
        _share_out(resource, capacity[resource], kinds, rates, levels, group_weights)
        rates = [min(pair) for pair in zip(rates, _rates(kinds, stops, levels), strict=True)]
    return rates


def _rates(kinds: Sequence[Kind], stops: list[list[_Stop]], levels: list[float], but: int = -1) -> list[float]:
    """Give the rates to which the levels hold the kinds, perhaps but for those of one resource."""
    rates = []
    for kind, ways in zip(kinds, stops, strict=True):
        rate = kind.limit
        for column, resource, pace in ways:
            if resource != but and levels[column] * pace < rate:
                rate = levels[column] * pace
        rates.append(rate)
    return rates


def _share_out(
    resource: int,
    there: float,
    kinds: Sequence[Kind],
    most: list[float],
    levels: list[float],
    group_weights: Sequence[float],
) -> None:
    """Write into `levels` those at which a resource is used up by kinds that go no faster than `most`."""
    top: list[tuple[float, float, float]] = []
    inside: list[list[tuple[float, float, float]]] = [[] for _ in group_weights] if resource == CPU else []
    for kind, rate in zip(kinds, most, strict=True):
        need, count = kind.needs[resource], kind.count
        if need and count:
            item = (rate / kind.paces[resource], count * rate * need, count * kind.weights[resource])
            (inside[kind.group] if inside and kind.group >= 0 else top).append(item)
    wants = [sum([want for _, want, _ in items]) for items in inside]
    top += [(want / weight, want, weight) for want, weight in zip(wants, group_weights, strict=False) if want]
    level = levels[resource] = _level(there, top)
    for group, items in enumerate(inside):
        share = level * group_weights[group]
        levels[len(levels) - len(inside) + group] = _level(share, items) if share < wants[group] else math.inf


def _exact(
    capacity: Sequence[float],
    kinds: Sequence[Kind],
    short: list[int],
    group_weights: Sequence[float],
    stops: list[list[_Stop]],
    levels: list[float],
) -> list[float] | None:
    """Give the rates at the levels, if there are such, at which each kind is stopped by the same that stops it now."""
    resources = len(capacity)
    chosen: list[tuple[int, float]] = []
    for kind, ways in zip(kinds, stops, strict=True):
        rate, choice = kind.limit, (-1, kind.limit)
        for column, _, pace in ways:
            if levels[column] * pace < rate:
                rate, choice = levels[column] * pace, (column, pace)
        chosen.append(choice)
    columns = {column for column, _ in chosen}
    columns.discard(-1)
    tight = [group for group in range(len(group_weights)) if resources + group in columns]
    if tight:
        columns.add(CPU)
    place = {column: index for index, column in enumerate(sorted(columns))}
    last = len(place)
    # A row for each level: who is stopped by it uses, together with all others, what there is.
    equations = [[0.0] * last + [capacity[column] if column < resources else 0.0] for column in place]
    for kind, ways, (column, pace) in zip(kinds, stops, chosen, strict=True):
        for own, resource, _ in ways:
            row = place.get(own if own in place else resource)
            if row is not None:
                amount = kind.count * kind.needs[resource] * pace
                if column >= 0:
                    equations[row][place[column]] += amount
                else:
                    equations[row][last] -= amount
    for group in tight:
        equations[place[CPU]][place[CPU]] += group_weights[group]
        equations[place[resources + group]][place[CPU]] -= group_weights[group]
    found = _eliminate(equations)
    if found is None or min(found, default=0.0) < 0:
        return None
    exact = [math.inf] * len(levels)
    for column, index in place.items():
        exact[column] = found[index]
    rates = _rates(kinds, stops, exact)
    used = [0.0] * len(levels)
    for kind, ways, rate in zip(kinds, stops, rates, strict=True):
        for own, resource, _ in ways:
            amount = kind.count * kind.needs[resource] * rate
            used[resource] += amount
            if own != resource:
                used[own] += amount
    for column in (*short, *range(resources, len(levels))):
        there = capacity[column] if column < resources else group_weights[column - resources] * exact[CPU]
        if used[column] > there * (1 + TOLERANCE) or (column in place and used[column] < there * (1 - TOLERANCE)):
            return None
    return rates


def _eliminate(equations: list[list[float]]) -> list[float] | None:
    """Solve linear equations, whose last column is the right side, in place; None where there is no one solution."""
    size = len(equations)
    for i in range(size):
        pivot = equations[i]
        if not pivot[i]:
            return None
        for j in range(size):
            if j != i and equations[j][i]:
                factor = equations[j][i] / pivot[i]
                equations[j] = [a - factor * b for a, b in zip(equations[j], pivot, strict=True)]
    return [equations[i][size] / equations[i][i] for i in range(size)]
