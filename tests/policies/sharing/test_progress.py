"""Containers that need several resources: the definition of bottleneck max fairness, laws, and two faces that agree."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.sharing import Branch, Kind, Leaf, progress, solve, waterfill, waterfill_tree

#: Cores, device time and bytes per second are of unlike size.
UNITS = np.array([1.0, 0.05, 1e9])
amounts = st.one_of(st.integers(0, 8).map(float), st.floats(0.01, 100))
weights = st.one_of(st.integers(1, 4).map(float), st.floats(0.01, 100))
limits = st.sampled_from([1.0, 1.0, 0.0]) | st.floats(1e-3, 1)
three = st.tuples(amounts, amounts, amounts)
members = st.lists(st.tuples(three, weights, limits), min_size=1, max_size=7)
#: With weights of their own for each resource.
choosy = st.lists(st.tuples(three, st.tuples(weights, weights, weights), limits), min_size=1, max_size=7)


def host(capacity, drawn):
    """Capacity (3,), demands (3, n), weights (3, n) and limits (n,)."""
    demands, by_weight, most = zip(*drawn, strict=True)
    needs = np.array(demands).T * UNITS[:, None]
    return np.array(capacity) * UNITS, needs, np.broadcast_to(np.array(by_weight).T, needs.shape), np.array(most)


def solved(capacity, demands, by_weight, most, **groups):
    """The rates that the other face gives, each container a kind of its own."""
    kinds = [Kind(1, *column) for column in zip(demands.T.tolist(), by_weight.T.tolist(), most.tolist(), strict=True)]
    return np.array(solve(capacity.tolist(), kinds, **groups))


FACES = pytest.mark.parametrize("face", [lambda *a: progress(*a).rates, solved], ids=["progress", "solve"])


def assert_fair(capacity, demands, by_weight, most, rates):
    """Check by definition: feasible, and who is below its limit has a used-up resource of which it has most."""
    used = demands @ rates
    assert ((rates >= 0) & (rates <= most)).all()
    assert (used <= capacity * (1 + 1e-9)).all()
    used_up = used >= capacity * (1 - 1e-9)
    shares = demands * rates / by_weight
    for i in np.flatnonzero(rates < most * (1 - 1e-9)):
        assert any(
            shares[j, i] >= shares[j].max() * (1 - 1e-7) for j in np.flatnonzero(used_up & (demands[:, i] > 0))
        ), f"container {i} is slowed by nothing"


@FACES
@given(capacity=three, drawn=members)
def test_who_is_slowed_has_a_used_up_resource_of_which_nobody_has_more_by_weight(face, capacity, drawn):
    at = host(capacity, drawn)

    assert_fair(*at, face(*at))


@FACES
@given(capacity=three, drawn=choosy)
def test_so_it_is_of_two_resources_if_weights_differ_between_them(face, capacity, drawn):
    there, needs, by_weight, most = host(capacity, drawn)
    at = there[:2], needs[:2], by_weight[:2], most

    assert_fair(*at, face(*at))


@FACES
@given(capacity=three, drawn=choosy)
def test_of_three_nothing_is_used_beyond_what_there_is_whatever_the_weights(face, capacity, drawn):
    there, needs, by_weight, most = host(capacity, drawn)

    rates = face(there, needs, by_weight, most)

    assert ((rates >= 0) & (rates <= most)).all()
    assert (needs @ rates <= there * (1 + 1e-9)).all()


@FACES
def test_levels_that_run_in_circles_are_found_all_the_same(face):
    # Found by drawing. Only the CPU has weights; at the end it is not used up.
    there = np.array([8.0, 5.0, 6.0])
    needs = np.array([[11.0, 5.0, 5.0, 9.0], [0.0, 11.0, 11.0, 3.0], [7.0, 5.0, 6.0, 6.0]])
    by_weight = np.array([[4.0, 6.0, 7.0, 1.0], [1.0] * 4, [1.0] * 4])

    assert_fair(there, needs, by_weight, np.ones(4), face(there, needs, by_weight, np.ones(4)))


@given(three, members)
def test_the_two_faces_agree(capacity, drawn):
    at = host(capacity, drawn)

    np.testing.assert_allclose(solved(*at), progress(*at).rates, rtol=1e-7, atol=1e-10)


@given(three, members)
def test_what_the_caller_says_is_wanted_saves_time_and_changes_nothing(capacity, drawn):
    at = host(capacity, drawn)
    needs, most = at[1], at[3]

    wanted = (needs * most).sum(axis=1).tolist()

    np.testing.assert_allclose(solved(*at, wanted=wanted), solved(*at), rtol=1e-12)


@FACES
@given(capacity=amounts, drawn=members)
def test_on_one_resource_it_is_water_filling(face, capacity, drawn):
    there, needs, by_weight, most = host((capacity, 0, 0), drawn)

    rates = face(there[:1], needs[:1], by_weight[:1], most)

    expected = waterfill(float(there[0]), needs[0] * most, by_weight[0])
    np.testing.assert_allclose(needs[0] * rates, expected, rtol=1e-9, atol=1e-12)


@FACES
@given(capacity=three, drawn=members, chance=st.randoms(use_true_random=False))
def test_resources_without_users_in_common_are_filled_each_on_its_own(face, capacity, drawn, chance):
    there, needs, by_weight, most = host(capacity, drawn)
    own = np.array([chance.randrange(3) for _ in drawn])
    needs = np.where(own == np.arange(3)[:, None], needs, 0.0)

    rates = face(there, needs, by_weight, most)

    for j in range(3):
        expected = waterfill(float(there[j]), needs[j] * most, by_weight[j])
        np.testing.assert_allclose(needs[j] * rates, expected, rtol=1e-9, atol=1e-12 * UNITS[j])


@given(st.lists(st.tuples(three, members), min_size=1, max_size=4))
def test_many_hosts_at_once_are_each_host_alone(hosts):
    widest = max(len(drawn) for _, drawn in hosts)
    padded = [host(capacity, drawn + [((0, 0, 0), 1.0, 1.0)] * (widest - len(drawn))) for capacity, drawn in hosts]

    rates, grants = progress(*map(np.array, zip(*padded, strict=True)))

    assert grants.shape == (len(hosts), 3, widest)
    for row, (capacity, drawn) in zip(rates, hosts, strict=True):
        np.testing.assert_allclose(row[: len(drawn)], progress(*host(capacity, drawn)).rates, rtol=1e-7, atol=1e-10)


@given(three, members, st.integers(0, 6), st.integers(1, 5))
def test_a_kind_of_many_is_as_many_kinds_of_one(capacity, drawn, which, count):
    which %= len(drawn)
    there, needs, by_weight, most = host(capacity, drawn)
    columns = zip(needs.T.tolist(), by_weight.T.tolist(), most.tolist(), strict=True)
    kinds = [Kind(count if i == which else 1, *column) for i, column in enumerate(columns)]

    rates = solve(there.tolist(), kinds)

    apart = solved(*host(capacity, drawn + [drawn[which]] * (count - 1)))
    np.testing.assert_allclose(rates, apart[: len(drawn)], rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(apart[len(drawn) :], rates[which], rtol=1e-7, atol=1e-10)


@FACES
@given(capacity=three, drawn=members, units=st.tuples(weights, weights, weights), weight_unit=weights)
def test_units_do_not_matter_neither_of_the_resources_nor_of_the_weights(face, capacity, drawn, units, weight_unit):
    there, needs, by_weight, most = host(capacity, drawn)

    rates = face(there, needs, by_weight, most)
    otherwise = face(there * units, needs * np.array(units)[:, None], by_weight * weight_unit, most)

    np.testing.assert_allclose(otherwise, rates, rtol=1e-6, atol=1e-9)


@FACES
@given(capacity=amounts, more=amounts, drawn=members)
def test_more_of_a_single_resource_takes_from_nobody(face, capacity, more, drawn):
    there, needs, by_weight, most = host((capacity, 0, 0), drawn)

    rates = face(there[:1], needs[:1], by_weight[:1], most)

    assert (face(there[:1] + more, needs[:1], by_weight[:1], most) >= rates * (1 - 1e-9) - 1e-12).all()


@FACES
def test_who_needs_little_of_a_core_is_not_slowed_by_three_that_would_use_all_of_it(face):
    there, needs = np.ones(2), np.array([[1.0, 1.0, 1.0, 0.05], [0.0, 0.0, 0.0, 0.9]])

    np.testing.assert_allclose(face(there, needs, np.ones_like(needs), np.ones(4)), [0.95 / 3] * 3 + [1.0])


@FACES
def test_two_of_a_kind_share_and_two_of_different_kinds_do_not_meet(face):
    cpu, disk, alike = [1.0, 0.0], [0.0, 1.0], np.ones((2, 2))

    np.testing.assert_allclose(face(np.ones(2), np.array([cpu, cpu]).T, alike, np.ones(2)), [0.5, 0.5])
    np.testing.assert_allclose(face(np.ones(2), np.array([disk, disk]).T, alike, np.ones(2)), [0.5, 0.5])
    np.testing.assert_allclose(face(np.ones(2), np.array([cpu, disk]).T, alike, np.ones(2)), [1.0, 1.0])


@FACES
def test_who_is_stopped_by_one_resource_leaves_the_other_to_others(face):
    # Both disk users stop at half speed, so of two cores one and a half are left for who only computes.
    needs = np.array([[0.5, 0.5, 3.0], [1.0, 1.0, 0.0]])

    np.testing.assert_allclose(face(np.array([2.0, 1.0]), needs, np.ones_like(needs), np.ones(3)), [0.5, 0.5, 0.5])


@FACES
def test_who_needs_nothing_advances_and_who_needs_what_is_not_there_stands_still(face):
    needs = np.array([[0.0, 0.5, 0.5], [0.0, 0.0, 0.1]])

    rates = face(np.array([1.0, 0.0]), needs, np.ones_like(needs), np.ones(3))

    np.testing.assert_array_equal(rates, [1.0, 1.0, 0.0])


@FACES
def test_without_weight_one_advances_with_what_the_others_leave(face):
    for one_need, expected in ((0.7, [1.0, 0.15, 0.15]), (2.0, [0.5, 0.0, 0.0])):
        rates = face(np.ones(1), np.array([[one_need, 1.0, 1.0]]), np.array([[1.0, 0.0, 0.0]]), np.ones(3))

        np.testing.assert_allclose(rates, expected, atol=1e-12)


def test_a_host_without_containers_has_no_progress():
    rates, grants = progress(np.ones(3), np.zeros((3, 0)))

    assert rates.shape == (0,)
    assert grants.shape == (3, 0)
    assert solve((1.0, 1.0), []) == []


@pytest.mark.parametrize(
    ("capacity", "demand", "weight", "limit"),
    [
        (-1.0, 1.0, 1.0, 1.0),
        (1.0, np.inf, 1.0, 1.0),
        (1.0, 1.0, np.nan, 1.0),
        (1.0, 1.0, 1.0, -1.0),
        (1.0, 1.0, 1.0, 1.5),
    ],
)
def test_what_is_no_amount_is_refused(capacity, demand, weight, limit):
    with pytest.raises(ValueError, match=r"negative|finite|within"):
        progress(np.array([capacity]), np.array([[demand]]), weight, limit)
    if capacity >= 0:
        with pytest.raises(ValueError, match=r"negative|finite|within"):
            Kind(1, (demand,), (weight,), limit)


# Groups.


@given(amounts, members, st.lists(st.tuples(st.integers(-1, 2), st.integers(1, 9)), min_size=7, max_size=7), three)
def test_groups_on_one_resource_are_filled_top_down(capacity, drawn, places, group_weights):
    _, needs, by_weight, most = host((0, 0, 0), drawn)
    weights_of = [weight + 0.5 for weight in group_weights]
    rows = list(zip(needs[0].tolist(), by_weight[0].tolist(), most.tolist(), places, strict=False))

    kinds = [Kind(count, (need,), (own,), limit, group) for need, own, limit, (group, count) in rows]
    rates = solve((capacity,), kinds, group_weights=weights_of)

    each = [row for row in rows for _ in range(row[3][1])]
    leaves = [(group, Leaf(i, own)) for i, (_, own, _, (group, _)) in enumerate(each)]
    inside = [Branch(tuple(leaf for at, leaf in leaves if at == g), weight) for g, weight in enumerate(weights_of)]
    root = Branch((*(leaf for at, leaf in leaves if at < 0), *inside))
    expected = waterfill_tree(capacity, root, np.array([need * limit for need, _, limit, _ in each]))
    grants = [kind.needs[0] * rate for kind, rate in zip(kinds, rates, strict=True) for _ in range(kind.count)]
    np.testing.assert_allclose(grants, expected, rtol=1e-7, atol=1e-9)


@given(three, members, st.lists(st.integers(-1, 1), min_size=7, max_size=7), st.tuples(weights, weights))
def test_with_groups_too_who_is_slowed_has_a_used_up_resource_of_which_it_has_most(capacity, drawn, groups, of_groups):
    there, needs, by_weight, most = host(capacity, drawn)
    there, needs, by_weight, own = there[:2], needs[:2], by_weight[:2], np.array(groups[: len(drawn)])
    columns = zip(needs.T.tolist(), by_weight.T.tolist(), most.tolist(), own.tolist(), strict=True)

    rates = np.array(solve(there.tolist(), [Kind(1, *column) for column in columns], group_weights=of_groups))

    assert ((rates >= 0) & (rates <= most)).all()
    assert (needs @ rates <= there * (1 + 1e-9)).all()
    cpu_full, disk_full = needs @ rates >= there * (1 - 1e-9)
    cpu, disk = needs * rates / by_weight
    together = np.array([(needs[0] * rates)[own == group].sum() / weight for group, weight in enumerate(of_groups)])
    at_top = max(cpu[own < 0].max(initial=0.0), together.max())
    for i in np.flatnonzero(rates < most * (1 - 1e-9)):
        by_disk = disk_full and needs[1, i] and disk[i] >= disk.max() * (1 - 1e-7)
        # In a group: none in it has more, and no other group nor anybody at the top has more than the group.
        peers = cpu[own == own[i]] if own[i] >= 0 else cpu[own < 0]
        as_one = together[own[i]] if own[i] >= 0 else cpu[i]
        by_cpu = cpu_full and needs[0, i] and cpu[i] >= peers.max() * (1 - 1e-7) and as_one >= at_top * (1 - 1e-7)
        assert by_disk or by_cpu
