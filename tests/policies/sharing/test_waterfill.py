"""One resource shared out, flat and among groups: published examples, laws, and an oracle that looks for the level."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.sharing import Branch, Leaf, waterfill, waterfill_tree

UNLIMITED = np.inf
amounts = st.one_of(st.integers(0, 8).map(float), st.floats(0, 1e6, allow_subnormal=False))
weights = st.one_of(st.integers(0, 4).map(float), st.floats(1e-3, 1e4))
members = st.lists(st.tuples(amounts, weights, st.one_of(amounts, st.just(UNLIMITED))), min_size=1, max_size=9)


def columns(drawn):
    demands, by_weight, caps = np.array(drawn, dtype=float).reshape(-1, 3).T
    return demands, by_weight, caps


def looked_for(capacity, demands, by_weight, caps):
    """Bisect the level at which exactly the capacity is used, for those with weight and then for the others."""
    given = [0.0] * len(demands)
    for round_weights in (list(by_weight), [1.0 if w == 0 else 0.0 for w in by_weight]):
        there = max(capacity - sum(given), 0.0)

        def at(t, round_weights=round_weights):
            return [min(d, c, w * t) if w > 0 else 0.0 for d, c, w in zip(demands, caps, round_weights, strict=True)]

        low, high = 0.0, 1e13
        if sum(at(high)) > there:
            for _ in range(200):
                middle = (low + high) / 2
                low, high = (low, middle) if sum(at(middle)) > there else (middle, high)
        given = [a + b for a, b in zip(given, at(high), strict=True)]
    return given


@given(amounts, members)
def test_the_level_is_the_one_that_bisection_finds(capacity, drawn):
    given = waterfill(capacity, *columns(drawn))

    np.testing.assert_allclose(given, looked_for(capacity, *columns(drawn)), rtol=1e-9, atol=1e-9 * capacity + 1e-12)


@given(amounts, members)
def test_nobody_gets_more_than_it_wants_and_all_together_what_there_is_or_all_they_want(capacity, drawn):
    demands, by_weight, caps = columns(drawn)

    given = waterfill(capacity, demands, by_weight, caps)

    want = np.minimum(demands, caps)
    assert (given >= 0).all()
    assert (given <= want).all()
    assert given.sum() == pytest.approx(min(capacity, want.sum()), rel=1e-12)


@given(amounts, members)
def test_who_gets_less_than_it_wants_has_no_less_by_weight_than_any_other(capacity, drawn):
    demands, by_weight, caps = columns(drawn)
    given = waterfill(capacity, demands, by_weight, caps)

    short = given < np.minimum(demands, caps) * (1 - 1e-9)
    for i in np.flatnonzero(short & (by_weight > 0)):
        others = by_weight > 0
        assert (given[others] / by_weight[others] <= given[i] / by_weight[i] * (1 + 1e-9)).all()
        assert given[~others].max(initial=0.0) <= 1e-9 * capacity


@given(amounts, members, st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_units_do_not_matter_neither_of_the_resource_nor_of_the_weights(capacity, drawn, unit, weight_unit):
    demands, by_weight, caps = columns(drawn)

    given = waterfill(capacity, demands, by_weight, caps)
    otherwise = waterfill(capacity * unit, demands * unit, by_weight * weight_unit, caps * unit)

    np.testing.assert_allclose(otherwise, given * unit, rtol=1e-9, atol=1e-9 * capacity * unit)


@given(amounts, amounts, members)
def test_more_capacity_takes_from_nobody(capacity, more, drawn):
    given = waterfill(capacity, *columns(drawn))

    assert (waterfill(capacity + more, *columns(drawn)) >= given * (1 - 1e-9) - 1e-9 * capacity).all()


@given(amounts, members)
def test_nobody_gains_by_another_that_comes(capacity, drawn):
    together = waterfill(capacity, *columns(drawn))

    without_last = waterfill(capacity, *columns(drawn[:-1]))

    assert (together[:-1] <= without_last * (1 + 1e-9) + 1e-9 * capacity).all()


@given(st.lists(st.tuples(amounts, members), min_size=1, max_size=5))
def test_many_hosts_at_once_are_each_host_alone(hosts):
    widest = max(len(drawn) for _, drawn in hosts)
    padded = [drawn + [(0.0, 1.0, 0.0)] * (widest - len(drawn)) for _, drawn in hosts]
    demands, by_weight, caps = np.moveaxis(np.array(padded), -1, 0)

    at_once = waterfill(np.array([capacity for capacity, _ in hosts]), demands, by_weight, caps)

    for row, (capacity, drawn) in zip(at_once, hosts, strict=True):
        alone = waterfill(capacity, *columns(drawn))
        np.testing.assert_allclose(row[: len(drawn)], alone, rtol=1e-12, atol=1e-12 * capacity)
        assert (row[len(drawn) :] == 0).all()


def test_who_would_use_everything_gets_what_its_weight_says():
    np.testing.assert_allclose(waterfill(8.0, np.full(3, UNLIMITED), np.array([1.0, 2.0, 5.0])), [1, 2, 5])


def test_a_host_without_containers_has_nothing_to_share():
    assert waterfill(1.0, np.zeros(0)).size == 0
    assert waterfill(np.ones(2), np.zeros((2, 0))).shape == (2, 0)


@pytest.mark.parametrize(
    ("capacity", "demand", "weight", "cap"),
    [
        (-1.0, 1.0, 1.0, 1.0),
        (UNLIMITED, 1.0, 1.0, 1.0),
        (1.0, -1.0, 1.0, 1.0),
        (1.0, np.nan, 1.0, 1.0),
        (1.0, 1.0, -1.0, 1.0),
        (1.0, 1.0, UNLIMITED, 1.0),
        (1.0, 1.0, 1.0, -1.0),
        (1.0, 1.0, 1.0, np.nan),
    ],
)
def test_what_is_no_amount_is_refused(capacity, demand, weight, cap):
    with pytest.raises(ValueError, match="negative"):
        waterfill(capacity, np.array([demand]), weight, cap)


# The examples of Solaris' guide to resource management, chapter on the fair share scheduler.


def test_shares_of_1_and_3_are_25_and_75_percent_where_both_have_work_for_all_cpus():
    np.testing.assert_allclose(waterfill(2.0, np.array([2.0, 2.0]), np.array([1.0, 3.0])) / 2, [0.25, 0.75])


def test_shares_do_not_matter_where_each_has_one_thread_and_there_are_two_cpus():
    np.testing.assert_allclose(waterfill(2.0, np.array([1.0, 1.0]), np.array([1.0, 100.0])) / 2, [0.5, 0.5])


def test_who_cannot_run_leaves_everything_to_the_other():
    np.testing.assert_allclose(waterfill(2.0, np.array([0.0, 2.0]), np.array([1.0, 3.0])) / 2, [0.0, 1.0])


def test_three_projects_get_16_66_33_33_and_50_percent_of_eight_cpus():
    shares = waterfill(8.0, np.full(3, 8.0), np.array([1.0, 2.0, 3.0])) / 8

    np.testing.assert_allclose(shares, [1 / 6, 1 / 3, 1 / 2])


def test_three_projects_get_4_28_and_67_percent_of_eight_cpus_in_three_processor_sets():
    cpus = np.array([2.0, 4.0, 2.0])
    # A runs in the first set only, B in the first two, C in all; each has work for a whole set.
    demands = cpus[:, None] * np.array([[1, 1, 1], [0, 1, 1], [0, 0, 1]])

    percent = waterfill(cpus, demands, np.array([1.0, 2.0, 3.0])).sum(axis=0) / 8 * 100

    np.testing.assert_allclose(percent, [100 / 24, 28 + 1 / 3, 67.5])
    assert percent.astype(int).tolist() == [4, 28, 67]


def test_0_shares_get_what_nobody_with_shares_wants():
    np.testing.assert_allclose(waterfill(2.0, np.array([1.5, 2.0, 0.1]), np.array([1.0, 0.0, 0.0])), [1.5, 0.4, 0.1])
    np.testing.assert_allclose(waterfill(2.0, np.array([2.0, 2.0]), np.array([1.0, 0.0])), [2.0, 0.0])


# Groups.


def test_a_group_of_half_the_shares_divides_its_50_percent_into_12_5_and_12_5_and_25():
    """The example of the manual of HP-UX's process resource manager."""
    development = Branch((Leaf(0, 1), Leaf(1, 1), Leaf(2, 2)), weight=5)
    others = Branch((Leaf(3, 3), Leaf(4, 2)), weight=5)

    given = waterfill_tree(100.0, Branch((development, others)), np.full(5, 100.0))

    np.testing.assert_allclose(given, [12.5, 12.5, 25, 30, 20])


def test_what_a_group_does_not_use_goes_to_its_siblings_first_inside_then_outside():
    group = Branch((Leaf(0), Leaf(1)), weight=1)
    root = Branch((group, Leaf(2, 1)))

    np.testing.assert_allclose(waterfill_tree(8.0, root, np.array([1.0, 8.0, 8.0])), [1, 3, 4])
    np.testing.assert_allclose(waterfill_tree(8.0, root, np.array([1.0, 1.0, 8.0])), [1, 1, 6])


def test_a_cap_of_a_group_holds_for_its_members_together():
    group = Branch((Leaf(0), Leaf(1, cap=1.0)), cap=3.0)

    given = waterfill_tree(8.0, Branch((group, Leaf(2))), np.array([8.0, 8.0, 4.0]))

    np.testing.assert_allclose(given, [2, 1, 4])


@st.composite
def trees(draw, depth=3):
    """A tree, and its containers' demands."""
    demands = []

    def branch(depth):
        inside = []
        for _ in range(draw(st.integers(1, 3))):
            if depth and draw(st.booleans()):
                inside.append(branch(depth - 1))
            else:
                inside.append(Leaf(len(demands), draw(weights), draw(st.one_of(amounts, st.just(UNLIMITED)))))
                demands.append(draw(amounts))
        return Branch(tuple(inside), draw(weights), draw(st.one_of(amounts, st.just(UNLIMITED))))

    return branch(depth), np.array(demands)


def sums(member, values):
    """What a member has together."""
    return values[member.container] if isinstance(member, Leaf) else sum(sums(m, values) for m in member.members)


def wants(member, demands):
    own = demands[member.container] if isinstance(member, Leaf) else sum(wants(m, demands) for m in member.members)
    return min(own, member.cap)


@given(amounts, trees())
def test_every_group_shares_out_all_it_gets_as_one_resource_among_its_members(capacity, tree):
    root, demands = tree

    given = waterfill_tree(capacity, root, demands)

    assert given.sum() == pytest.approx(min(capacity, wants(root, demands)), rel=1e-9)
    groups = [root]
    while groups:
        group = groups.pop()
        groups += [member for member in group.members if isinstance(member, Branch)]
        inside = [(wants(member, demands), member.weight, UNLIMITED) for member in group.members]
        expected = looked_for(sums(group, given), *columns(inside))
        got = [sums(member, given) for member in group.members]
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-9 * capacity + 1e-12)


def test_a_container_stands_in_a_tree_once():
    with pytest.raises(ValueError, match="twice"):
        waterfill_tree(1.0, Branch((Leaf(0), Branch((Leaf(0),)))), np.ones(1))


@pytest.mark.parametrize("wrong", [{"weight": -1.0}, {"weight": np.inf}, {"cap": np.nan}, {"container": -1}])
def test_a_member_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match=r"negative|from 0"):
        Leaf(**{"container": 0, **wrong})
