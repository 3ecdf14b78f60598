"""Modes of isolation: the published maps of shares to weights, and what containers get under each mode."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.errors import UserError
from policies.sharing import ISOLATIONS, Band, Kind, solve
from policies.sharing.isolation import CGROUPS, Bands, Caps, Shares, Unmanaged, cpu_shares

SHARES = [2, 10, 102, 256, 512, 1024, 2048, 4096, 8192, 262144]
EVERY_MODE = [Unmanaged(), Unmanaged("container"), *map(Shares, CGROUPS), Caps(), Caps(2.0), *map(Bands, CGROUPS)]

containers = st.lists(
    st.tuples(st.integers(0, 16_000), st.sampled_from(Band), st.floats(0, 16)), min_size=1, max_size=8
)


def columns(drawn):
    requests, bands, demands = zip(*drawn, strict=True)
    return np.array(requests), np.array(bands), np.array(demands)


@pytest.mark.parametrize(
    ("cgroup", "weights"),
    [
        ("v1", SHARES),
        ("v2-linear", [1, 1, 4, 10, 20, 39, 79, 157, 313, 10000]),
        ("v2", [1, 4, 17, 35, 59, 100, 174, 303, 532, 10000]),
    ],
)
def test_shares_become_the_weights_that_runtimes_write(cgroup, weights):
    assert CGROUPS[cgroup](np.array(SHARES)).tolist() == weights


@pytest.mark.parametrize("cgroup", CGROUPS)
def test_more_shares_never_weigh_less_nor_more_than_there_is(cgroup):
    weights = CGROUPS[cgroup](np.arange(2, 262_145))

    assert (np.diff(weights) >= 0).all()
    assert weights[0] >= 1
    if cgroup != "v1":
        assert weights[-1] == 10_000


@given(st.integers(0, 10**9))
def test_a_core_is_1024_shares_within_what_a_kernel_takes(milli):
    (shares,) = cpu_shares(np.array([milli]))

    assert shares == min(max(2, milli * 1024 // 1000), 262_144)


@pytest.mark.parametrize("mode", EVERY_MODE, ids=str)
@given(drawn=containers, cores=st.floats(0, 32))
def test_under_every_mode_cores_stay_idle_only_if_nobody_may_use_them(mode, drawn, cores):
    requests, bands, demands = columns(drawn)
    division = mode(requests, bands, demands)

    given = division.share(cores, demands)

    want = np.minimum(demands, division.caps)
    assert (given <= want * (1 + 1e-12)).all()
    assert given.sum() == pytest.approx(min(cores, want.sum()), rel=1e-9)


@given(containers, st.floats(0, 32))
def test_without_isolation_requests_do_not_matter(drawn, cores):
    requests, bands, demands = columns(drawn)

    np.testing.assert_array_equal(
        Unmanaged()(requests, bands, demands).share(cores, demands),
        Unmanaged()(requests * 0, bands, demands).share(cores, demands),
    )


def test_without_isolation_a_runaway_gets_as_many_shares_as_it_has_threads():
    requests, bands, demands = np.array([1000, 1000]), np.full(2, Band.NORMAL), np.array([64.0, 1.0])

    per_thread = Unmanaged()(requests, bands, demands).share(1.0, demands)
    per_container = Unmanaged("container")(requests, bands, demands).share(1.0, demands)

    np.testing.assert_allclose(per_thread, [64 / 65, 1 / 65])
    np.testing.assert_allclose(per_container, [0.5, 0.5])


def test_who_seldom_computes_has_a_thread_all_the_same():
    requests, bands, demands = np.full(4, 1000), np.full(4, Band.NORMAL), np.array([1.0, 1.0, 1.0, 0.05])

    np.testing.assert_allclose(Unmanaged()(requests, bands, demands).share(1.0, demands)[3], 0.05)


@pytest.mark.parametrize("mode", EVERY_MODE, ids=str)
@given(drawn=containers)
def test_what_a_container_has_depends_on_itself_alone(mode, drawn):
    whole = mode(*columns(drawn))

    for i, one in enumerate(drawn):
        alone = mode(*columns([one]))
        assert (alone.weights[0], alone.caps[0], alone.groups[0]) == (whole.weights[i], whole.caps[i], whole.groups[i])
        assert alone.group_weights == whole.group_weights


@pytest.mark.parametrize("mode", EVERY_MODE, ids=str)
@given(drawn=containers, cores=st.floats(0, 32))
def test_the_solver_of_one_host_divides_the_cpu_as_the_tree_does(mode, drawn, cores):
    requests, bands, demands = columns(drawn)
    division = mode(requests, bands, demands)
    limits = np.minimum(1.0, np.divide(division.caps, demands, out=np.ones_like(demands), where=demands > 0))
    rows = zip(demands.tolist(), division.weights.tolist(), limits.tolist(), division.groups.tolist(), strict=True)
    kinds = [Kind(1, (need,), (weight,), limit, group) for need, weight, limit, group in rows]

    rates = solve((cores,), kinds, group_weights=division.group_weights)

    np.testing.assert_allclose(demands * rates, division.share(cores, demands), rtol=1e-9, atol=1e-9)


def test_shares_divide_by_request_under_cgroup_v1_and_less_steeply_under_v2():
    requests, bands, demands = np.array([2000, 1000]), np.full(2, Band.NORMAL), np.full(2, 3.0)

    np.testing.assert_allclose(Shares("v1")(requests, bands, demands).share(3.0, demands), [2.0, 1.0])
    np.testing.assert_allclose(Shares("v2")(requests, bands, demands).share(2.74, demands), [1.74, 1.0])


def test_a_cap_leaves_cores_idle_that_a_share_would_give():
    requests, bands, demands = np.array([1500, 0]), np.full(2, Band.NORMAL), np.array([4.0, 1.0])

    np.testing.assert_allclose(Caps()(requests, bands, demands).share(8.0, demands), [1.5, 1.0])
    np.testing.assert_allclose(Caps(2.0)(requests, bands, demands).share(8.0, demands), [3.0, 1.0])
    np.testing.assert_allclose(Shares()(requests, bands, demands).share(8.0, demands), [4.0, 1.0])


@given(containers, st.floats(0.1, 32))
def test_batch_gets_what_the_sensitive_bands_leave_and_next_to_nothing_of_what_they_want(drawn, cores):
    requests, bands, demands = columns(drawn)
    requests = np.maximum(requests, 100)
    sensitive = bands >= Band.PRIORITY

    given = Bands()(requests, bands, demands).share(cores, demands)

    # Two shares against at least 102 of anybody who still wants something.
    leaves = cores - demands[sensitive].sum()
    wanted = demands[~sensitive].sum()
    assert given[~sensitive].sum() >= min(wanted, leaves) * (1 - 1e-9) - 1e-12
    assert given[~sensitive].sum() <= max(leaves, 0.0) + cores * 2 / 104 + 1e-12


def test_however_much_batch_there_is_it_weighs_as_one():
    few = np.full(2, 1000)
    many = np.full(101, 1000)
    bands = np.full(101, Band.BEST_EFFORT)
    bands[0] = Band.PREMIER

    alone = Bands()(few, bands[:2], np.ones(2)).share(1.0, np.ones(2))[0]
    among_many = Bands()(many, bands, np.ones(101)).share(1.0, np.ones(101))[0]

    assert among_many == pytest.approx(alone)
    assert among_many == pytest.approx(1024 / 1026)


@pytest.mark.parametrize("mode", EVERY_MODE, ids=str)
def test_an_empty_host_is_divided_among_nobody(mode):
    none = np.zeros(0, dtype=np.int64)

    assert mode(none, none, np.zeros(0)).share(4.0, np.zeros(0)).size == 0


def test_modes_are_known_by_name():
    assert list(ISOLATIONS) == ["none", "shares", "caps", "bands"]
    assert ISOLATIONS["caps"](times=1.5) == Caps(1.5)


@pytest.mark.parametrize("mode", [Shares, Bands])
def test_a_version_of_cgroups_that_there_is_not_is_the_users_error(mode):
    with pytest.raises(UserError, match="cgroup must be one of v1, v2-linear, v2, not 'v3'"):
        mode("v3")


def test_what_shares_could_be_counted_by_otherwise_is_the_users_error():
    with pytest.raises(UserError, match="per must be thread or container, not 'core'"):
        Unmanaged("core")


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan")])
def test_a_cap_that_stops_everything_is_the_users_error(wrong):
    with pytest.raises(UserError, match="times must be more than 0"):
        Caps(wrong)
