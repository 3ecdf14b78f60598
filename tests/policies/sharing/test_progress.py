"""Containers that need several resources: laws, and two oracles that know nothing of levels that are sorted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.sharing import (
    Branch,
    Leaf,
    dominant_weights,
    interference,
    progress,
    progress_tree,
    slowdown,
    waterfill,
    waterfill_tree,
)

#: Cores, device time and bytes per second are of unlike size.
UNITS = np.array([1.0, 0.05, 1e9])
amounts = st.one_of(st.integers(0, 8).map(float), st.floats(0.01, 100))
weights = st.one_of(st.integers(0, 4).map(float), st.floats(0.01, 100))
above_0 = st.one_of(st.integers(1, 4).map(float), st.floats(0.01, 100))
caps = st.one_of(amounts, st.just(np.inf))
three = st.tuples(amounts, amounts, amounts)
members = st.lists(st.tuples(three, weights, st.tuples(caps, caps, caps)), min_size=1, max_size=7)


def host(capacity, drawn):
    demands, by_weight, most = zip(*drawn, strict=True)
    return (
        np.array(capacity) * UNITS,
        np.array(demands).T * UNITS[:, None],
        np.array(by_weight),
        np.array(most).T * UNITS[:, None],
    )


def full_rates(demands, most):
    """The rate that a container has with nobody else, and with everything in plenty."""
    return np.array(
        [
            min([1.0, *(cap / need for need, cap in zip(needs, limits, strict=True) if need > 0)])
            for needs, limits in zip(demands.T, most.T, strict=True)
        ]
    )


def raised_by_bisection(capacity, demands, by_weight, most):
    """Raise all that nothing stops yet by as much as is feasible, stop those that cannot go on, and so on."""
    limits, n = full_rates(demands, most), demands.shape[1]
    rates, stopped = np.zeros(n), np.zeros(n, dtype=bool)
    for now, pace in ((by_weight > 0, by_weight), (by_weight == 0, np.ones(n))):
        stopped |= limits <= 0
        while (now & ~stopped).any():
            active = now & ~stopped

            def at(t, active=active, pace=pace, rates=rates):
                return np.where(active, np.minimum(limits, pace * t), rates)

            low, high = 0.0, 1e6
            for _ in range(200):
                middle = (low + high) / 2
                feasible = (demands @ at(middle) <= capacity * (1 + 1e-13)).all()
                low, high = (middle, high) if feasible else (low, middle)
            rates = at(low)
            tight = demands @ rates >= capacity * (1 - 1e-10)
            stopped |= active & ((rates >= limits * (1 - 1e-10)) | (demands[tight] > 0).any(axis=0))
    return rates


@given(three, members)
def test_rates_are_those_that_bisection_raises(capacity, drawn):
    arrived = progress(*host(capacity, drawn)).rates

    np.testing.assert_allclose(arrived, raised_by_bisection(*host(capacity, drawn)), rtol=1e-6, atol=1e-8)


@given(three, members)
def test_nobody_exceeds_its_limits_nor_all_together_the_host(capacity, drawn):
    there, demands, by_weight, most = host(capacity, drawn)

    rates, grants = progress(there, demands, by_weight, most)

    assert ((rates >= 0) & (rates <= 1)).all()
    np.testing.assert_array_equal(grants, demands * rates)
    assert (grants <= most * (1 + 1e-12)).all()
    assert (grants.sum(axis=1) <= there * (1 + 1e-12)).all()


def bottlenecks(there, demands, rates, limits):
    """For each container whether it is at its limit, and which used-up resources it uses."""
    used_up = demands @ rates >= there * (1 - 1e-9)
    return rates >= limits * (1 - 1e-9), used_up[:, None] & (demands > 0)


@given(three, members)
def test_whoever_is_short_has_a_used_up_resource_of_which_no_rate_is_higher_by_weight(capacity, drawn):
    """The theorem by which weighted max-min fairness is recognised (Bertsekas and Gallager)."""
    there, demands, by_weight, most = host(capacity, drawn)
    rates = progress(there, demands, by_weight, most).rates

    at_limit, stopping = bottlenecks(there, demands, rates, full_rates(demands, most))

    for i in np.flatnonzero(~at_limit):
        # Among those without weight only they themselves are compared; those with weight come before all of them.
        peers = (by_weight > 0) if by_weight[i] > 0 else (by_weight == 0)
        per_weight = rates / np.where(by_weight > 0, by_weight, 1.0)
        highest = [per_weight[peers & (demands[j] > 0)].max() for j in np.flatnonzero(stopping[:, i])]
        assert highest
        assert min(highest) <= per_weight[i] * (1 + 1e-6) + 1e-12


@given(three, members, st.tuples(above_0, above_0, above_0), above_0)
def test_units_do_not_matter_neither_of_the_resources_nor_of_the_weights(capacity, drawn, units, weight_unit):
    there, demands, by_weight, most = host(capacity, drawn)
    unit = np.array(units)[:, None]

    rates = progress(there, demands, by_weight, most).rates
    otherwise = progress(there * units, demands * unit, by_weight * weight_unit, most * unit).rates

    np.testing.assert_allclose(otherwise, rates, rtol=1e-7, atol=1e-9)


@given(three, members, st.randoms(use_true_random=False))
def test_the_order_of_the_containers_does_not_matter(capacity, drawn, chance):
    order = list(range(len(drawn)))
    chance.shuffle(order)

    rates = progress(*host(capacity, drawn)).rates
    shuffled = progress(*host(capacity, [drawn[i] for i in order])).rates

    np.testing.assert_allclose(shuffled, rates[order], rtol=1e-7, atol=1e-9)


@given(amounts, st.lists(st.tuples(above_0, weights, caps), min_size=1, max_size=7))
def test_dominant_weights_on_one_resource_are_water_filling(capacity, drawn):
    demands, by_weight, most = np.array(drawn).T
    there, needs = np.array([capacity]), demands[None, :]

    # Those without weight are raised by rates, not amounts: here there is none, or nobody but them.
    by_weight = np.maximum(by_weight, 0.01) if by_weight.any() else np.ones_like(by_weight)
    (grants,) = progress(there, needs, dominant_weights(there, needs, by_weight), most).grants

    if capacity:
        np.testing.assert_allclose(grants, waterfill(capacity, demands, by_weight, most), rtol=1e-9, atol=1e-12)
    else:
        assert (grants == 0).all()


@given(st.tuples(above_0, above_0, above_0), members)
def test_dominant_shares_rise_together(capacity, drawn):
    there, demands, by_weight, most = host(capacity, drawn)
    by_weight = np.maximum(by_weight, 0.01)
    limits = full_rates(demands, most)

    rates, grants = progress(there, demands, dominant_weights(there, demands, by_weight), most)

    at_limit, stopping = bottlenecks(there, demands, rates, limits)
    dominant = (grants / there[:, None]).max(axis=0) / by_weight
    for i in np.flatnonzero(~at_limit):
        highest = [dominant[demands[j] > 0].max() for j in np.flatnonzero(stopping[:, i])]
        assert highest
        assert min(highest) <= dominant[i] * (1 + 1e-6)


@given(above_0, above_0, above_0)
def test_dominant_weights_may_differ_by_resource(cores, cpu_weight, disk_weight):
    there, demands = np.array([cores, 1.0]), np.array([[2 * cores, 0.0, 2 * cores, 0.0], [0.0, 2.0, 0.0, 2.0]])
    entitled = np.array([[cpu_weight, 7.0, 1.0, 7.0], [7.0, disk_weight, 7.0, 1.0]])

    grants = progress(there, demands, dominant_weights(there, demands, entitled)).grants

    np.testing.assert_allclose(grants[0], waterfill(cores, demands[0], entitled[0]), rtol=1e-9)
    np.testing.assert_allclose(grants[1], waterfill(1.0, demands[1], entitled[1]), rtol=1e-9)


def test_who_needs_much_of_one_resource_gets_less_of_another_than_a_kernel_would_give_it():
    there, demands = np.ones(2), np.array([[1.0, 0.5], [0.0, 1.0]])

    np.testing.assert_allclose(progress(there, demands, dominant_weights(there, demands)).rates, [2 / 3, 2 / 3])


def test_two_of_a_kind_share_and_two_of_different_kinds_do_not_meet():
    cpu, disk = [1.0, 0.0], [0.0, 1.0]

    np.testing.assert_allclose(progress(np.ones(2), np.array([cpu, cpu]).T).rates, [0.5, 0.5])
    np.testing.assert_allclose(progress(np.ones(2), np.array([disk, disk]).T).rates, [0.5, 0.5])
    np.testing.assert_allclose(progress(np.ones(2), np.array([cpu, disk]).T).rates, [1.0, 1.0])


def test_who_is_stopped_by_one_resource_leaves_the_other_to_others():
    # Both disk users stop at half speed, so of two cores one and a half are left for who only computes.
    demands = np.array([[0.5, 0.5, 3.0], [1.0, 1.0, 0.0]])

    np.testing.assert_allclose(progress(np.array([2.0, 1.0]), demands).rates, [0.5, 0.5, 0.5])


def test_parallelism_bounds_what_shares_would_give():
    there, demands = np.array([2.0]), np.array([[8.0, 8.0]])
    weights = dominant_weights(there, demands, np.array([1.0, 100.0]))

    np.testing.assert_allclose(progress(there, demands, weights, caps=1.0).grants, [[1.0, 1.0]])


@pytest.mark.parametrize("little", [1e-13, 1e-16])
def test_rounding_takes_nothing_from_who_needs_little_of_what_is_used_up_at_once_with_another_resource(little):
    # All could rise to half speed together. What is left for the last is a difference with hardly a right digit.
    for chance in np.random.default_rng(1).uniform(0.5, 2.0, (200, 4)):
        demands = np.array([[*chance, 0.0], [*chance / 3, little]])

        rates = progress(demands.sum(axis=1) / 2, demands).rates

        assert rates[-1] >= 0.5 * (1 - 1e-9)


def test_who_needs_nothing_advances_and_who_needs_what_is_not_there_stands_still():
    rates = progress(np.array([1.0, 0.0]), np.array([[0.0, 0.5, 0.5], [0.0, 0.0, 0.1]])).rates

    np.testing.assert_array_equal(rates, [1.0, 1.0, 0.0])


def test_without_weight_one_advances_with_what_the_others_leave():
    rates = progress(np.ones(1), np.array([[0.7, 1.0, 1.0]]), np.array([1.0, 0.0, 0.0])).rates

    np.testing.assert_allclose(rates, [1.0, 0.15, 0.15])


def test_a_host_without_containers_has_no_progress():
    rates, grants = progress(np.ones(3), np.zeros((3, 0)))

    assert rates.shape == (0,)
    assert grants.shape == (3, 0)


@pytest.mark.parametrize(
    ("capacity", "demand", "weight", "cap"),
    [(-1.0, 1.0, 1.0, 1.0), (1.0, np.inf, 1.0, 1.0), (1.0, 1.0, np.nan, 1.0), (1.0, 1.0, 1.0, -1.0)],
)
def test_what_is_no_amount_is_refused(capacity, demand, weight, cap):
    with pytest.raises(ValueError, match=r"negative|finite"):
        progress(np.array([capacity]), np.array([[demand]]), weight, cap)


# Groups.


@st.composite
def trees(draw, depth=2):
    """A tree without caps, and how many containers it has."""
    n = 0

    def branch(depth):
        nonlocal n
        inside = []
        for _ in range(draw(st.integers(1, 3))):
            if depth and draw(st.booleans()):
                inside.append(branch(depth - 1))
            else:
                inside.append(Leaf(n, draw(weights)))
                n += 1
        return Branch(tuple(inside), draw(weights))

    return branch(depth), n


@given(three, members)
def test_without_groups_a_tree_changes_nothing(capacity, drawn):
    there, demands, by_weight, most = host(np.maximum(capacity, 1.0), drawn)
    by_weight = np.maximum(by_weight, 0.01)
    root = Branch(tuple(Leaf(i, weight) for i, weight in enumerate(by_weight.tolist())))

    in_tree = progress_tree(there, root, demands, most).rates

    flat = progress(there, demands, dominant_weights(there, demands, by_weight), most).rates
    np.testing.assert_allclose(in_tree, flat, rtol=1e-6, atol=1e-9)


@given(above_0, trees(), st.data())
def test_on_one_resource_a_tree_is_filled_top_down(capacity, tree, data):
    root, n = tree
    demands = np.array(data.draw(st.lists(amounts, min_size=n, max_size=n)))

    (grants,) = progress_tree(np.array([capacity]), root, demands[None, :]).grants

    np.testing.assert_allclose(grants, waterfill_tree(capacity, root, demands), rtol=1e-6, atol=1e-9 * capacity)


@given(three, trees(), st.data())
def test_in_a_tree_too_nobody_is_short_but_for_a_limit_or_a_used_up_resource(capacity, tree, data):
    root, n = tree
    drawn = data.draw(st.lists(st.tuples(three, weights, st.tuples(caps, caps, caps)), min_size=n, max_size=n))
    there, demands, _, most = host(capacity, drawn)

    rates, grants = progress_tree(there, root, demands, most)

    assert ((rates >= 0) & (rates <= 1)).all()
    assert (grants <= most * (1 + 1e-12)).all()
    assert (grants.sum(axis=1) <= there * (1 + 1e-12)).all()
    at_limit, stopping = bottlenecks(there, demands, rates, full_rates(demands, most))
    assert (at_limit | stopping.any(axis=0)).all()


def test_among_several_resources_a_tree_has_no_caps():
    with pytest.raises(ValueError, match="no caps"):
        progress_tree(np.ones(2), Branch((Leaf(0, cap=1.0),)), np.ones((2, 1)))


# What it costs.


@given(st.lists(st.floats(0, 1, allow_subnormal=False), min_size=1, max_size=5))
def test_slowdown_times_rate_is_1_and_who_stands_still_never_ends(rates):
    rates = np.array(rates)

    slower = slowdown(rates)

    assert (slower >= 1).all()
    np.testing.assert_allclose(slower[rates > 0] * rates[rates > 0], 1.0)
    assert (slower[rates == 0] == np.inf).all()


def test_interference_is_off_by_default():
    assert (interference(np.array([1, 10, 1000])) == 1.0).all()
    np.testing.assert_array_equal(slowdown(np.array([0.5]), interference(50)), [2.0])


def test_each_further_container_costs_the_average_one_0_3_percent():
    lengths = slowdown(np.ones(4), interference(np.array([1, 2, 3, 101]), sensitivity=1.0))

    np.testing.assert_allclose(lengths, [1.0, 1.003, 1.006, 1.3])


def test_switching_costs_its_share_of_the_time():
    np.testing.assert_allclose(slowdown(np.ones(1), interference(1, switching=1e-3 / 4e-3)), [1.25])


@pytest.mark.parametrize("wrong", [{"containers": 0}, {"sensitivity": -1.0}, {"switching": np.nan}])
def test_interference_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match=r"at least one|negative"):
        interference(**{"containers": 1, **wrong})
