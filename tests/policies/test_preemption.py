"""Room taken from less important containers: what the books grant, and who has to go."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.cell import Commit, Conflict, PreemptiveLedger
from policies.cell.audit import check, check_evictions
from policies.cell.preemption import Resident, victims
from policies.requests import Resources, Task


def books(n_hosts=1, cpu=4, memory=100, gap=1):
    return PreemptiveLedger(np.array([[cpu] * n_hosts, [memory] * n_hosts, [0] * n_hosts]), gap=gap)


def cores(n, priority=0):
    return Task(Resources(n, 1), priority)


def claim(ledger, task, count=1, host=0):
    return ledger.claims(task, np.array([host]), np.array([count]))


def granted(ledger, *transaction, conflict=Conflict.FINE, commit=Commit.INCREMENTAL):
    return ledger.commit(transaction, conflict, commit)


# -- who has to go ----------------------------------------------------------------------------------------------

needs = st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 1)).map(lambda amounts: Resources(*amounts))
residents = st.lists(
    st.builds(
        Resident,
        st.tuples(needs, st.integers(0, 2)).map(lambda asked: Task(*asked)),
        st.integers(0, 2).map(float),
        st.just(1),
    ),
    max_size=6,
)


@given(residents, needs)
def test_of_all_who_could_go_the_most_important_stay(there, short):
    by_importance = sorted(range(len(there)), key=lambda n: (-there[n].task.priority, there[n].since_s))

    def makes_room(goes):
        return all(
            sum(there[n].task.need[axis] for n in by_importance if goes[n]) >= amount
            for axis, amount in enumerate(short)
        )

    ways = [goes for goes in product((False, True), repeat=len(there)) if makes_room(goes)]
    if not ways:
        with pytest.raises(ValueError, match="there is less than"):
            victims(short, there)
        return

    # Spare the most important if any way does, then the next, and so on.
    best = min(ways, key=lambda goes: [goes[n] for n in by_importance])
    assert victims(short, there) == list(map(int, best))


@given(residents, needs, st.integers(2, 4))
def test_like_containers_are_counted_as_if_they_were_listed_one_by_one(there, short, times):
    many = [who._replace(count=times) for who in there]
    one_by_one = [who for who in there for _ in range(times)]
    if any(sum(who.task.need[axis] for who in one_by_one) < amount for axis, amount in enumerate(short)):
        return

    together, single = victims(short, many), victims(short, one_by_one)

    assert together == [sum(single[n * times : (n + 1) * times]) for n in range(len(there))]


# -- what is granted --------------------------------------------------------------------------------------------


def test_free_room_is_taken_first():
    ledger = books()
    granted(ledger, claim(ledger, cores(1), 3))

    assert not granted(ledger, claim(ledger, cores(1, priority=1))).evictions


def test_the_books_say_where_how_much_is_missing_and_who_may_go():
    ledger = books(n_hosts=2)
    granted(ledger, claim(ledger, cores(1), 3, host=1))

    (eviction,) = granted(ledger, claim(ledger, cores(2, priority=5), 2, host=1)).evictions

    assert (eviction.host, eviction.short, eviction.highest) == (1, Resources(3), 4)


@pytest.mark.parametrize(("priority", "placed"), [(0, 0), (1, 0), (2, 1)])
def test_a_priority_that_is_not_higher_by_the_gap_takes_nothing(priority, placed):
    ledger = books(gap=2)
    granted(ledger, claim(ledger, cores(1), 4))

    stale = claim(ledger, cores(1, priority))._replace(serial=-1)

    assert granted(ledger, stale).placed == placed
    assert len(list(ledger.preemptable(priority))) == placed


def test_a_claim_holds_as_long_as_free_and_preemptable_room_suffice_under_fine_detection():
    ledger = books()
    mine = claim(ledger, cores(1, priority=1), 3)
    granted(ledger, claim(ledger, cores(1, priority=1), 2))
    granted(ledger, claim(ledger, cores(1), 2))

    outcome = granted(ledger, mine)

    # Two of the four cores are with a container of the same priority.
    assert (outcome.placed, outcome.conflicted) == (2, 1)
    assert outcome.evictions[0].short == Resources(2)


def test_a_claim_on_a_host_where_somebody_claimed_conflicts_under_coarse_detection_whatever_its_priority():
    ledger = books()
    mine = claim(ledger, cores(1, priority=1))
    granted(ledger, claim(ledger, cores(1), 4))

    outcome = granted(ledger, mine, conflict=Conflict.COARSE)

    assert (outcome.placed, outcome.conflicted, outcome.evictions) == (0, 1, ())


def test_a_gang_of_which_one_finds_no_room_evicts_nobody():
    ledger = books(n_hosts=2)
    important = cores(1, priority=1)
    mine = claim(ledger, important, 4), claim(ledger, important, 4, host=1)
    granted(ledger, claim(ledger, cores(1), 4))
    granted(ledger, claim(ledger, important, 1, host=1))
    before = ledger.snapshot().free.copy()

    outcome = granted(ledger, *mine, commit=Commit.GANG)

    assert (outcome.placed, outcome.conflicted, outcome.evictions) == (0, 8, ())
    np.testing.assert_array_equal(ledger.snapshot().free, before)


def test_containers_of_one_transaction_do_not_make_room_for_each_other():
    ledger = books()
    unlike = claim(ledger, cores(1), 4), claim(ledger, cores(1, priority=9))

    outcome = granted(ledger, *(claims._replace(serial=-1) for claims in unlike))

    assert (outcome.placed, outcome.conflicted, outcome.evictions) == (4, 1, ())


def test_no_room_is_made_of_what_the_newcomer_does_not_ask_for():
    ledger = books(memory=1)
    ledger.place(cores(1), np.array([0]), np.array([4]))  # as recorded: four times the memory there is

    (eviction,) = granted(ledger, claim(ledger, Task(Resources(1, 0), 1))).evictions

    assert eviction.short == Resources(1, 0)


@pytest.mark.parametrize("order", [1, -1])
def test_unlike_containers_of_a_transaction_have_room_made_for_all_of_them(order):
    ledger = books(memory=4)
    of_cpu, of_memory = Task(Resources(1, 0), 3), Task(Resources(0, 2), 5)
    granted(ledger, claim(ledger, cores(1), 3))
    granted(ledger, claim(ledger, cores(1, priority=4)))

    (eviction,) = granted(ledger, *[claim(ledger, task) for task in (of_cpu, of_memory)][::order]).evictions

    assert (eviction.short, eviction.highest) == (Resources(1, 2), 4)


def test_where_ending_takes_time_the_books_say_what_is_missing_in_all_and_only_those_who_evict_claim():
    ledger = books()
    low, high = cores(1), cores(1, priority=1)
    granted(ledger, claim(ledger, low, 4))

    first, second = (granted(ledger, claim(ledger, high)).evictions[0].short for _ in range(2))
    third = granted(ledger, claim(ledger, low)._replace(serial=-1))

    assert (first, second) == (Resources(1), Resources(2))
    assert third.placed == 0
    # One is confirmed to be gone, another ended by itself, and nothing is missing any more.
    ledger.release(low, np.array([0]), np.array([2]))
    assert not granted(ledger, claim(ledger, low)._replace(serial=-1)).placed
    assert granted(ledger, claim(ledger, high, 3)._replace(serial=-1)).placed == 2


def test_a_gap_of_nothing_is_refused():
    with pytest.raises(ValueError, match="the room of their like"):
        books(gap=0)


KINDS = [Task(Resources(cpu, memory), p) for p in (-1, 0, 1, 2) for cpu, memory in ((1, 3), (2, 1), (0, 0), (0, 2))]

steps = st.one_of(
    st.tuples(
        st.just("look"), st.sampled_from(KINDS), st.dictionaries(st.integers(0, 2), st.integers(1, 4), min_size=1)
    ),
    st.tuples(
        st.just("commit"), st.integers(0, 5), st.integers(1, 2), st.sampled_from(Conflict), st.sampled_from(Commit)
    ),
    st.tuples(st.just("end"), st.integers(0, 5)),
)  # fmt: skip


@given(st.lists(steps, max_size=40), st.integers(1, 2))
def test_nobody_goes_but_for_somebody_more_important_in_any_order_of_commits_and_ends(drawn, gap):
    ledger = books(n_hosts=3, cpu=6, memory=7, gap=gap)
    decided, running = [], {}  # running: (host, order of coming, task): count
    for number, (kind, *what) in enumerate(drawn):
        if kind == "look":
            task, wanted = what
            # As a scheduler would: only what fits in the snapshot, with the room of others, is claimed.
            view = ledger.snapshot()
            for taken in ledger.preemptable(task.priority):
                view = ledger.snapshot().with_free(ledger.snapshot().free + taken)
            room = view.slots(task)
            fit = {host: min(n, int(room[host])) for host, n in wanted.items() if room[host]}
            if fit:
                decided.append(ledger.claims(task, np.array([*fit]), np.array([*fit.values()])))
        elif kind == "commit" and decided:
            which, many, conflict, commit = what
            transaction = decided[which % len(decided) :][:many]
            transaction = [claims._replace(serial=-1) for claims in transaction] if many > 1 else transaction
            decided = [claims for claims in decided if not any(claims is one for one in transaction)]
            outcome = ledger.commit(transaction, conflict, commit)
            assert outcome.placed + outcome.conflicted == sum(claims.tasks for claims in transaction)
            went = []
            for host, short, highest in outcome.evictions:
                there = [key for key in running if key[0] == host and key[2].priority <= highest]
                counts = victims(short, [Resident(task, since, running[host, since, task]) for _, since, task in there])
                went += [(*key, count) for key, count in zip(there, counts, strict=True) if count]
            for host, since, task, count in went:
                ledger.release(task, np.array([host]), np.array([count]))
                running[host, since, task] -= count
            running = {key: count for key, count in running.items() if count}
            for place, claims in enumerate(outcome.accepted):
                for host, count in zip(claims.hosts.tolist(), claims.counts.tolist(), strict=True):
                    running[host, number + place / 10, claims.task] = count
            check_evictions(
                ledger.snapshot(), outcome.accepted, [(task, [host], [count]) for host, _, task, count in went], gap
            )
        elif kind == "end" and running:
            host, since, task = sorted(running)[what[0] % len(running)]
            ledger.release(task, np.array([host]), np.array([running.pop((host, since, task))]))
        check(ledger.snapshot(), [(task, [host], [count]) for (host, _, task), count in running.items()])
        for priority in range(-1, 4):
            lower = sorted(
                {task.priority for _, _, task in running if any(task.need) and task.priority + gap <= priority}
            )
            for taken, highest in zip(ledger.preemptable(priority), lower, strict=True):
                held = np.zeros((2, 3), dtype=int)
                for (host, _, task), count in running.items():
                    if task.priority <= highest:
                        held[:, host] += count * np.array(task.need[:2])
                np.testing.assert_array_equal(taken, held)


# -- the checker ------------------------------------------------------------------------------------------------


def evicted(came, went, free=0, gap=1):
    """Tell the checker that a task came and another went on a host with so many cores free afterwards."""
    ledger = books(cpu=4)
    ledger.place(cores(4 - free), np.array([0]), np.array([1]))
    check_evictions(ledger.snapshot(), [claim(ledger, came)], [(went, [0], [1])], gap)


def test_the_checker_sees_that_a_like_was_evicted():
    evicted(cores(1, priority=2), cores(1, priority=1))
    with pytest.raises(AssertionError, match="priority 1 made room for 1"):
        evicted(cores(1, priority=1), cores(1, priority=1))


def test_the_checker_sees_that_somebody_could_have_stayed():
    with pytest.raises(AssertionError, match="could have stayed"):
        evicted(cores(1, priority=1), cores(1), free=1)


def test_the_checker_sees_that_too_few_went():
    with pytest.raises(AssertionError, match="host 0: 1 of cpu_milli too little was taken"):
        evicted(cores(1, priority=1), cores(1), free=-1)


def test_the_checker_sees_an_eviction_for_nobody():
    ledger = books()
    with pytest.raises(AssertionError, match="nobody came"):
        check_evictions(ledger.snapshot(), [], [(cores(1), [0], [1])], 1)
