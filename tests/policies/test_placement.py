"""Laws of every placement policy, and what sets each of them apart."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.cell import Commit, Conflict, Ledger
from policies.errors import UserError
from policies.placement import BUILT_IN, Placer, scores
from policies.placement.catalogue import instantiate
from policies.placement.choosers import PowerOfD, RandomFirstFit, RoundRobin
from policies.placement.placer import Checked, best_rows, usable_scores
from policies.requests import Demand, Resources, Task
from policies.sharing import DISKS
from policies.streams import stream

NAMES = list(BUILT_IN)
SCORES = [made_from for made_from in BUILT_IN.values() if not isinstance(made_from, type)]
#: Policies that may rather have a container wait than put it on a host that has room.
VETOES = {"load-aware"}

needs = st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 1)).map(lambda amounts: Resources(*amounts))
profiles = st.none() | st.builds(
    Demand,
    st.integers(0, 6).map(lambda milli: milli / 1000),
    st.integers(0, 6),
    disk_read_bps=st.sampled_from([0.0, 5e6, 80e6]),
    disk_write_bps=st.just(0.0),
    io_size_bytes=st.just(64.0 * 1024),
    random_io=st.sampled_from([0.0, 0.5]),
    net_bps=st.sampled_from([0.0, 40.0]),
)
tasks = st.builds(Task, needs, st.just(0), st.just(()), st.just(False), profiles)
#: None, or the seed of what hosts with disks and networks are measured to use.
loads = st.none() | st.integers(0, 99)
sizes = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(0, 2)), min_size=1, max_size=8)


def cell(sizes, placed=(), load=None):
    capacity = np.array(sizes).T
    if load is None:
        ledger = Ledger(capacity)
    else:
        disks = [(DISKS["HDD"], DISKS["SSD_DFL"], None)[host % 3] for host in range(len(sizes))]
        device = [1_000_000 * (disk is not None) for disk in disks]
        ledger = Ledger(np.vstack((capacity, device, [100] * len(sizes))), disks=disks, demands=True)
    for number, (task, host, count) in enumerate(placed):
        if load and number == len(placed) // 2:
            measure(ledger, 60.0 * number, load)
        host %= len(sizes)
        fits = min(count, int(ledger.snapshot().slots(task)[host]))
        if fits:
            ledger.place(task, np.array([host]), np.array([fits]))
    return ledger


def measure(ledger, now_s, seed):
    capacity = ledger.snapshot().capacity
    ledger.measured(now_s, capacity * stream(seed, "use").uniform(0.0, 1.2, capacity.shape))


placements = st.lists(st.tuples(tasks, st.integers(0, 7), st.integers(1, 3)), max_size=6)


def policy(name, seed=1):
    return instantiate(BUILT_IN[name], {}, stream(seed, "test"))


@pytest.mark.parametrize("name", NAMES)
@given(sizes=sizes, placed=placements, task=tasks, k=st.integers(1, 30), load=loads)
def test_a_policy_never_places_where_it_does_not_fit_and_places_all_that_can_be_placed(
    name, sizes, placed, task, k, load
):
    ledger = cell(sizes, placed, load)
    view = ledger.snapshot()
    room = view.slots(task).copy()

    hosts, counts = Placer(policy(name)).place(view, task, k)

    assert np.unique(hosts).size == hosts.size
    assert (counts > 0).all()
    assert (counts <= room[hosts]).all()
    if name in VETOES and counts.sum() < min(k, room.sum()):
        ledger.place(task, hosts, counts)
        assert (usable_scores(policy(name), view, task) == -np.inf).all()
    else:
        assert counts.sum() == min(k, room.sum())


@pytest.mark.parametrize("score", SCORES, ids=lambda score: score.__name__)
@given(sizes=sizes, placed=placements, task=tasks, data=st.data(), load=loads)
def test_a_score_is_row_wise(score, sizes, placed, task, data, load):
    view = cell(sizes, placed, load).snapshot()
    rows = np.array(data.draw(st.lists(st.integers(0, len(sizes) - 1), min_size=1, max_size=5)))

    np.testing.assert_array_equal(usable_scores(score, view, task)[rows], usable_scores(score, view.rows(rows), task))


def one_at_a_time(score, ledger, task, k):
    """The meaning of a greedy placement, spelt out: re-score everything after each container."""
    counts = np.zeros(len(ledger.snapshot()), dtype=int)
    for _ in range(k):
        view = ledger.snapshot()
        best, host = -np.inf, None
        for h in range(len(view)):
            value = score(view, task)[h]
            if view.slots(task)[h] and value > best:
                best, host = value, h
        if host is None:
            break
        counts[host] += 1
        ledger.place(task, np.array([host]), np.array([1]))
    return counts


def seesaw(view, task):
    """A score that goes up and down as a host fills."""
    return np.sin(2.5 * view.containers + view.index)


def coarse(view, task):
    """A score with many ties."""
    return -(view.containers // 3).astype(float)


@pytest.mark.parametrize("score", [*SCORES, seesaw, coarse], ids=lambda score: score.__name__)
@given(sizes=sizes, placed=placements, task=tasks, k=st.integers(1, 25), load=loads)
def test_k_containers_at_once_go_where_they_would_one_at_a_time(score, sizes, placed, task, k, load):
    ledger = cell(sizes, placed, load)
    hosts, counts = best_rows(score, ledger.snapshot(), task, k)
    together = np.zeros(len(sizes), dtype=int)
    together[hosts] = counts

    np.testing.assert_array_equal(together, one_at_a_time(score, ledger, task, k))


@pytest.mark.parametrize("score", [*SCORES, seesaw], ids=lambda score: score.__name__)
@given(
    sizes=sizes,
    steps=st.lists(st.tuples(tasks, st.integers(1, 4), st.booleans(), st.booleans()), min_size=1, max_size=15),
    load=loads,
)
def test_remembered_scores_decide_as_fresh_ones_do(score, sizes, steps, load):
    ledger = cell(sizes, (), load)
    if load is not None:
        measure(ledger, 0.0, load)
    fresh, remembering, running = Placer(score, remember=False), Placer(score), []
    for number, (task, k, ends, measures) in enumerate(steps):
        if load is not None and measures:
            measure(ledger, 100.0 * number, load + number)
        ledger.set_time(100.0 * number)
        view = ledger.snapshot()
        hosts, counts = fresh.place(view, task, k)
        again_hosts, again_counts = remembering.place(view, task, k)
        np.testing.assert_array_equal(hosts, again_hosts)
        np.testing.assert_array_equal(counts, again_counts)
        if hosts.size:
            ledger.commit((ledger.claims(task, hosts, counts),), Conflict.FINE, Commit.INCREMENTAL)
            running.append((task, hosts, counts))
        if ends and running:
            ledger.release(*running.pop(0))


def test_what_would_be_is_not_remembered():
    ledger, placer, task = cell([(4, 4, 0), (4, 4, 0)]), Placer(scores.spread), Task(Resources(1, 1))
    view = ledger.snapshot()
    placer.place(view, task, 1)

    placer.place(view.after(task, np.array([0]), np.array([2])), task, 1)

    assert placer.place(view, task, 1)[0].tolist() == [0]


def test_first_fit_fills_hosts_in_order():
    hosts, counts = Placer(scores.first_fit).place(cell([(2, 9, 0), (3, 9, 0), (4, 9, 0)]).snapshot(), CORE, 6)

    assert dict(zip(hosts.tolist(), counts.tolist(), strict=True)) == {0: 2, 1: 3, 2: 1}


CORE = Task(Resources(1, 1))


def test_spread_takes_the_host_with_fewest_containers():
    ledger = cell([(9, 9, 0)] * 3, [(CORE, 0, 2), (CORE, 1, 1)])

    assert Placer(scores.spread).place(ledger.snapshot(), CORE, 1)[0].tolist() == [2]


def test_binpack_takes_the_fullest_host_that_has_room():
    ledger = cell([(9, 9, 0), (3, 3, 0), (9, 9, 0)], [(CORE, 0, 2), (CORE, 1, 3)])

    assert Placer(scores.binpack).place(ledger.snapshot(), CORE, 1)[0].tolist() == [0]


def test_least_allocated_scores_as_kubernetes_does():
    # Two resources, request 1 of 4 and 2 of 8, nothing else there: (3/4 + 6/8) / 2 * 100.
    view = cell([(4, 8, 0)]).snapshot()

    assert scores.least_allocated(view, Task(Resources(1, 2))).tolist() == [75.0]


def test_balanced_scores_as_kubernetes_does():
    # Requested shares 1/4 and 6/8: their standard deviation is half their difference.
    view = cell([(4, 8, 0)]).snapshot()

    assert scores.balanced(view, Task(Resources(1, 6))).tolist() == [75.0]


def test_a_gpu_that_nobody_asks_for_makes_no_host_emptier_or_less_balanced():
    view = cell([(16, 64, 0), (16, 64, 8)]).snapshot()

    for score in (scores.least_allocated, scores.balanced, scores.binpack, scores.dot_product):
        without, with_gpu = score(view, Task(Resources(4, 16)))
        assert without == with_gpu, score.__name__


def test_a_gpu_that_is_asked_for_counts_as_cpu_and_memory_do():
    view = cell([(16, 64, 8)]).snapshot()
    task = Task(Resources(4, 32, 8))

    assert scores.least_allocated(view, task) == pytest.approx(100 * np.mean([3 / 4, 1 / 2, 0]))
    assert scores.balanced(view, task) == pytest.approx(100 * (1 - np.std([1 / 4, 1 / 2, 1])))


def test_dot_product_scores_as_tetris_does():
    # 1/4 * 4/4 + 2/8 * 8/8, and with a quarter of the CPU taken 1/4 * 3/4 + 2/8.
    view = cell([(4, 8, 0), (4, 8, 0)], [(Task(Resources(1, 0)), 1, 1)]).snapshot()

    assert scores.dot_product(view, Task(Resources(1, 2))).tolist() == [0.5, 0.4375]


def test_a_resource_that_a_host_lacks_contributes_nothing_to_a_task_that_does_not_ask_for_it():
    view = cell([(4, 8, 0), (4, 8, 2)]).snapshot()

    for score in SCORES:
        assert np.isfinite(score(view, CORE)).all(), score.__name__
    assert scores.dot_product(view, CORE)[0] == scores.dot_product(view, CORE)[1]


def test_round_robin_goes_round_and_remembers_where_it_was():
    robin, view = RoundRobin(), cell([(9, 9, 0)] * 3).snapshot()

    visits = [robin.choose(view, CORE, 1)[0].tolist() for _ in range(4)]

    assert visits == [[0], [1], [2], [0]]


def test_round_robin_goes_as_many_rounds_as_it_takes_and_passes_over_the_full():
    hosts, counts = RoundRobin().choose(cell([(1, 9, 0), (9, 9, 0), (9, 9, 0)]).snapshot(), CORE, 6)

    assert dict(zip(hosts.tolist(), counts.tolist(), strict=True)) == {0: 1, 1: 3, 2: 2}


@pytest.mark.parametrize("k", [1, 5, 12])
def test_random_first_fit_places_as_one_container_at_a_time_would(k):
    # Hosts with room for 1, 2 and 12 of 15 draws: the counts' means against the same process, spelt out.
    room, draws = np.array([1, 2, 12]), 4000
    view = cell([(n, 99, 0) for n in room]).snapshot()
    together, rng = RandomFirstFit(stream(7, "together")), stream(8, "one by one")
    seen, expected = np.zeros((draws, 3)), np.zeros((draws, 3))
    for draw in range(draws):
        hosts, counts = together.choose(view, CORE, k)
        seen[draw, hosts] = counts
        for _ in range(k):
            open_hosts = np.flatnonzero(expected[draw] < room)
            expected[draw, rng.choice(open_hosts)] += 1
    error = np.sqrt((seen.var(axis=0) + expected.var(axis=0)) / draws)

    assert (np.abs(seen.mean(axis=0) - expected.mean(axis=0)) <= 4 * error + 1e-12).all()


class Overheard(RandomFirstFit):
    """Tells which hosts were drawn last."""

    def _draw(self, k, n):
        self.drawn = super()._draw(k, n)
        return self.drawn


@given(st.lists(st.integers(0, 3), min_size=40, max_size=120), st.integers(1, 20), st.integers(0, 10**6))
def test_the_first_draws_that_find_room_are_the_containers(room, k, seed):
    view = cell([(n, 999, 0) for n in room]).snapshot()
    chooser = Overheard(stream(seed, "overheard"))
    for _ in range(4):
        chooser.drawn = np.empty(0, dtype=int)
        hosts, counts = chooser.choose(view, CORE, k)

        left, expected = list(room), Counter()
        for host in chooser.drawn.tolist():
            if left[host] and expected.total() < k:
                left[host] -= 1
                expected[host] += 1
        chosen = Counter(dict(zip(hosts.tolist(), counts.tolist(), strict=True)))
        assert expected <= chosen
        assert chosen == expected or expected.total() < k
        assert chosen.total() == min(k, sum(room))


@given(st.integers(1, 400), st.integers(0, 10**6))
def test_random_first_fit_finds_room_however_little_there_is(k, seed):
    room = np.zeros(300, dtype=int)
    room[::7] = 3
    view = cell([(n, 999, 0) for n in room]).snapshot()

    hosts, counts = RandomFirstFit(stream(seed, "few")).choose(view, CORE, k)

    assert counts.sum() == min(k, room.sum())
    assert (counts <= room[hosts]).all()


def test_power_of_d_over_all_hosts_is_the_score_itself():
    ledger = cell([(9, 9, 0)] * 4, [(CORE, 0, 3), (CORE, 1, 1), (CORE, 3, 2)])

    hosts, _ = PowerOfD(stream(1, "d"), scores.spread, d=100).choose(ledger.snapshot(), CORE, 1)

    assert hosts.tolist() == [2]


def test_two_choices_balance_far_better_than_one():
    def most(d):
        ledger, chooser = cell([(999, 999, 0)] * 200), PowerOfD(stream(3, "d"), scores.spread, d=d)
        for _ in range(200):
            ledger.place(CORE, *chooser.choose(ledger.snapshot(), CORE, 1))
        return ledger.snapshot().containers.max()

    # ln n / ln ln n against ln ln n / ln 2 (Mitzenmacher 2001): about 5 and 3 for 200 containers on 200 hosts.
    assert most(2) < most(1)


def test_a_score_of_the_wrong_shape_is_the_users_error():
    with pytest.raises(UserError, match=r"policy lazy must return one float per host, shape \(1,\), not float"):
        Placer(lambda_named("lazy", 1.0)).place(cell([(4, 4, 0)]).snapshot(), CORE, 1)


def lambda_named(name, value):
    def score(view, task):
        return value

    score.__name__ = name
    return score


@pytest.mark.parametrize("k", [1, 3])
def test_nan_is_the_users_error(k):
    score = lambda_named("dizzy", np.array([0.0, np.nan]))

    with pytest.raises(UserError, match="policy dizzy gave a host NaN"):
        Placer(score, remember=False).place(cell([(9, 9, 0)] * 2).snapshot(), CORE, k)


class Chooses:
    """A chooser that always says the same."""

    def __init__(self, answer):
        self.answer = answer

    def choose(self, view, task, k):
        return self.answer


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (np.array([0.5, 0.5]), "in whole numbers"),
        (["ragged", [1]], "in whole numbers"),
        ((np.array([1]),), "containers per host"),
        (np.array([3, 0]), "asked for at most 2 containers and placed 3"),
        (np.array([0, 2]), "where it does not fit"),
        ((np.array([0, 0]), np.array([1, 1])), "name each host once"),
        ((np.array([7]), np.array([1])), "a host that the cell does not have"),
        (np.array([1]), "must return containers per host"),
    ],
)
def test_choices_of_others_are_looked_at(answer, complaint):
    with pytest.raises(UserError, match=complaint):
        Checked(Chooses(answer), "theirs").choose(cell([(9, 9, 0), (1, 9, 0)]).snapshot(), CORE, 2)


def test_nan_after_the_first_container_is_the_users_error_too():
    def dizzy(view, task):
        return np.where(view.containers == 1, np.nan, 0.0)

    with pytest.raises(UserError, match="policy dizzy gave a host NaN"):
        Placer(dizzy).place(cell([(8, 99, 0)] * 2).snapshot(), CORE, 8)


def test_scores_that_are_no_numbers_are_the_users_error():
    with pytest.raises(UserError, match="must return numbers"):
        Placer(lambda_named("texts", np.array(["a", "b"]))).place(cell([(8, 99, 0)] * 2).snapshot(), CORE, 1)


def test_containers_per_host_are_as_good_as_hosts_and_counts():
    hosts, counts = Placer(Chooses(np.array([0, 2, 1]))).place(cell([(9, 9, 0)] * 3).snapshot(), CORE, 3)

    assert (hosts.tolist(), counts.tolist()) == ([1, 2], [2, 1])
