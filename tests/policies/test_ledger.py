"""The books of the cell: nothing is lost or created, whatever is committed, conflicts or ends, in any order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.cell import Commit, Conflict, Ledger
from policies.cell.audit import check
from policies.requests import Resources, Task

CONFLICTS, COMMITS = list(Conflict), list(Commit)
TASKS = [Task(Resources(1, 3)), Task(Resources(2, 1)), Task(Resources(0, 0)), Task(Resources(3, 2, 1))]


def books(n_hosts=4, cpu=6, memory=7, gpu=0):
    return Ledger(np.array([[cpu] * n_hosts, [memory] * n_hosts, [gpu] * n_hosts]))


def claim(ledger, task, **counts_by_host):
    """Claims of `task` on hosts, as in ``claim(ledger, task, h0=2)``."""
    hosts = np.array([int(name[1:]) for name in counts_by_host])
    return ledger.claims(task, hosts, np.array(list(counts_by_host.values())))


def state(ledger):
    view = ledger.snapshot()
    columns = (view.free, view.capacity, view.containers, view.version, view.claimed, np.array(ledger.levels()))
    return [column.copy() for column in columns]


def assert_same(before, after):
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_stale_claim_conflicts_under_coarse_detection():
    ledger = books()
    mine = claim(ledger, TASKS[0], h0=1)
    ledger.commit((claim(ledger, TASKS[0], h0=1),), Conflict.COARSE, Commit.INCREMENTAL)

    outcome = ledger.commit((mine,), Conflict.COARSE, Commit.INCREMENTAL)

    assert (outcome.placed, outcome.conflicted) == (0, 1)


def test_a_stale_claim_that_still_fits_holds_under_fine_detection():
    ledger = books()
    mine = claim(ledger, TASKS[0], h0=1)
    ledger.commit((claim(ledger, TASKS[0], h0=1),), Conflict.FINE, Commit.INCREMENTAL)

    outcome = ledger.commit((mine,), Conflict.FINE, Commit.INCREMENTAL)

    assert (outcome.placed, outcome.conflicted) == (1, 0)


@pytest.mark.parametrize(("conflict", "placed"), [(Conflict.COARSE, 1), (Conflict.COARSE_WITH_RELEASES, 0)])
def test_what_ended_on_a_host_is_a_change_only_if_releases_count(conflict, placed):
    ledger = books()
    there = claim(ledger, TASKS[0], h0=1)
    ledger.commit((there,), Conflict.FINE, Commit.INCREMENTAL)
    mine = claim(ledger, TASKS[0], h0=1)
    ledger.release(there.task, there.hosts, there.counts)

    outcome = ledger.commit((mine,), conflict, Commit.INCREMENTAL)

    assert outcome.placed == placed


def test_incremental_keeps_what_still_fits_of_a_claim():
    ledger = books(cpu=3, memory=100)
    mine = claim(ledger, TASKS[0], h0=2, h1=2)
    ledger.commit((claim(ledger, TASKS[0], h0=2),), Conflict.FINE, Commit.INCREMENTAL)

    outcome = ledger.commit((mine,), Conflict.FINE, Commit.INCREMENTAL)

    assert (outcome.placed, outcome.conflicted) == (3, 1)
    assert ledger.snapshot().containers.tolist() == [3, 2, 0, 0]


def test_gang_counts_the_whole_transaction_as_conflicted():
    ledger = books(cpu=3, memory=100)
    mine = claim(ledger, TASKS[0], h0=2, h1=2)
    ledger.commit((claim(ledger, TASKS[0], h0=2),), Conflict.FINE, Commit.INCREMENTAL)

    outcome = ledger.commit((mine,), Conflict.FINE, Commit.GANG)

    assert (outcome.placed, outcome.conflicted) == (0, 4)


def test_claims_of_one_transaction_on_one_host_share_its_room():
    ledger = books(n_hosts=1, cpu=3, memory=100)
    first, second = claim(ledger, TASKS[0], h0=2), claim(ledger, TASKS[1], h0=1)
    ledger.commit((claim(ledger, TASKS[0], h0=1),), Conflict.FINE, Commit.INCREMENTAL)

    outcome = ledger.commit((first, second), Conflict.FINE, Commit.INCREMENTAL)

    assert (outcome.placed, outcome.conflicted) == (2, 1)


def test_a_view_cannot_be_written_to():
    view = books().snapshot()

    for column in (view.capacity, view.free, view.version, view.claimed, view.alive, view.index, view.per_capacity):
        with pytest.raises(ValueError, match="read-only"):
            column[...] = 0


def test_a_host_that_is_down_has_no_room_even_for_what_asks_for_nothing():
    ledger = books()
    nothing = Task(Resources())

    ledger.set_host(0, alive=False)

    assert ledger.snapshot().slots(nothing)[0] == 0
    assert ledger.snapshot().slots(TASKS[0]).tolist() == [0, 2, 2, 2]


def test_a_capacity_that_is_negative_is_refused():
    with pytest.raises(ValueError, match="negative"):
        Ledger(np.array([[1], [-1], [0]]))


class Step:
    """What Hypothesis draws: somebody looks, commits what was decided on an earlier look, or lets containers end."""

    looks = st.tuples(
        st.just("look"),
        st.sampled_from(TASKS[:3]),
        st.dictionaries(st.integers(0, 3), st.integers(1, 4), min_size=1),
    )
    commits = st.tuples(st.just("commit"), st.integers(0, 5), st.sampled_from(CONFLICTS), st.sampled_from(COMMITS))
    ends = st.tuples(st.just("end"), st.integers(0, 5))
    hosts = st.tuples(st.just("host"), st.integers(0, 3), st.booleans())
    any = st.one_of(looks, commits, ends, hosts)


@given(st.lists(Step.any, max_size=40))
def test_nothing_is_lost_or_created_in_any_order_of_commits_conflicts_and_ends(steps):
    ledger, decided, running = books(), [], []
    for kind, *what in steps:
        if kind == "look":
            task, wanted = what
            # As a policy would: only what fits in the snapshot is claimed.
            fit = {h: min(n, int(ledger.snapshot().slots(task)[h])) for h, n in wanted.items()}
            fit = {h: n for h, n in fit.items() if n}
            if fit:
                decided.append((ledger.claims(task, np.array([*fit]), np.array([*fit.values()])),))
        elif kind == "commit" and decided:
            which, conflict, commit = what
            transaction = decided.pop(which % len(decided))
            before, asked = state(ledger), sum(claims.tasks for claims in transaction)
            outcome = ledger.commit(transaction, conflict, commit)
            assert outcome.placed + outcome.conflicted == asked
            if not outcome.placed:
                assert_same(before, state(ledger))
            running += outcome.accepted
        elif kind == "end" and running:
            gone = running.pop(what[0] % len(running))
            ledger.release(gone.task, gone.hosts, gone.counts)
        elif kind == "host":
            host, alive = what
            if not alive:
                # The world ends what runs there before it goes on.
                left = []
                for claims in running:
                    there = claims.hosts == host
                    if there.any():
                        ledger.release(claims.task, claims.hosts[there], claims.counts[there])
                        claims = claims._replace(hosts=claims.hosts[~there], counts=claims.counts[~there])
                    if claims.hosts.size:
                        left.append(claims)
                running = left
            ledger.set_host(host, alive=alive)
        check(ledger.snapshot(), [(c.task, c.hosts.tolist(), c.counts.tolist()) for c in running])


@given(
    mine=st.dictionaries(st.integers(0, 3), st.integers(1, 3), min_size=1),
    others=st.lists(st.dictionaries(st.integers(0, 3), st.integers(1, 2), min_size=1), max_size=3),
)
def test_fine_conflicts_are_a_subset_of_coarse_ones(mine, others):
    def conflicted(conflict):
        ledger = books(cpu=4, memory=100)
        stale = ledger.claims(TASKS[0], np.array([*mine]), np.array([*mine.values()]))
        for other in others:
            claims = ledger.claims(TASKS[0], np.array([*other]), np.array([*other.values()]))
            ledger.commit((claims,), Conflict.FINE, Commit.INCREMENTAL)
        accepted = ledger.commit((stale,), conflict, Commit.INCREMENTAL).accepted
        granted = {h: n for c in accepted for h, n in zip(c.hosts.tolist(), c.counts.tolist(), strict=True)}
        return {host: n - granted.get(host, 0) for host, n in mine.items()}

    fine, coarse, every = (conflicted(kind) for kind in CONFLICTS)

    assert all(fine[host] <= coarse[host] <= every[host] for host in mine)


@given(
    st.lists(st.tuples(st.sampled_from(TASKS), st.integers(0, 3), st.integers(1, 3), st.booleans()), max_size=30),
    st.lists(st.integers(1, 9), min_size=4, max_size=4),
)
def test_the_levels_are_those_of_a_count_from_scratch(steps, sizes):
    ledger = Ledger(np.array([sizes, [size + 1 for size in sizes], [0, 1, 0, 2]]))
    placed = []
    for task, host, count, comes in steps:
        if comes:
            ledger.place(task, np.array([host]), np.array([count]))
            placed.append((task, host, count))
        elif placed:
            task, host, count = placed.pop()
            ledger.release(task, np.array([host]), np.array([count]))
    view, levels = ledger.snapshot(), ledger.levels()
    for row in range(3):
        has = view.capacity[row] > 0
        load = view.allocated[row][has] / view.capacity[row][has]
        share = view.allocated[row][has].sum() / view.capacity[row].sum()
        np.testing.assert_allclose(levels[3 * row : 3 * row + 3], (share, load.mean(), load.std()), atol=1e-7)


def test_the_checker_sees_a_host_that_was_booked_twice():
    ledger = books()
    ledger.place(TASKS[0], np.array([1]), np.array([2]))

    with pytest.raises(AssertionError, match="host 1: 2 of cpu is booked, 1 is in use"):
        check(ledger.snapshot(), [(TASKS[0], [1], [1])])


def test_the_checker_sees_a_host_that_is_overfull():
    ledger = books()
    ledger.place(TASKS[0], np.array([1]), np.array([7]))

    with pytest.raises(AssertionError, match="holds 7 of cpu, and it has only 6"):
        check(ledger.snapshot(), [(TASKS[0], [1], [7])])
