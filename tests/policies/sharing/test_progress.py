"""Containers that need several resources: the definition of bottleneck max fairness, laws, and two faces that agree."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.sharing import Kind, progress, solve, waterfill

#: Cores, device time and bytes per second are of unlike size.
UNITS = np.array([1.0, 0.05, 1e9])
amounts = st.one_of(st.integers(0, 8).map(float), st.floats(0.01, 100))
weights = st.one_of(st.integers(1, 4).map(float), st.floats(0.01, 100))
limits = st.one_of(st.just(1.0), st.floats(0, 1, allow_subnormal=False))
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
@given(capacity=three, drawn=choosy)
def test_who_is_slowed_has_a_used_up_resource_of_which_nobody_has_more_by_weight(face, capacity, drawn):
    at = host(capacity, drawn)

    assert_fair(*at, face(*at))


@given(three, members)
def test_the_two_faces_agree(capacity, drawn):
    at = host(capacity, drawn)

    np.testing.assert_allclose(solved(*at), progress(*at).rates, rtol=1e-7, atol=1e-10)


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
