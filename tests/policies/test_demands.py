"""What a cell knows of the use of its hosts: declared, measured, and how old that is."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.cell import Commit, Conflict, Ledger
from policies.cell.demands import NOBODY, WINDOW
from policies.placement import Placer, scores
from policies.requests import Demand, Resources, Task
from policies.sharing import DISKS

MB = 1e6
COMPUTES = Task(Resources(1000, 10), profile=Demand(2.0, 20.0))
READS = Task(Resources(100, 10), profile=Demand(0.1, 30.0, disk_read_bps=20 * MB, io_size_bytes=2**17, net_bps=5.0))
SEEKS = Task(Resources(100, 10), profile=Demand(0.2, 0.0, disk_write_bps=1 * MB, io_size_bytes=4096, random_io=1.0))
SAYS_NOTHING = Task(Resources(500, 40))
TASKS = [COMPUTES, READS, SEEKS, SAYS_NOTHING]
HOSTS = ["HDD", "SSD_QD1", None, "HDD"]


def books(**options):
    disks = [None if name is None else DISKS[name] for name in HOSTS]
    device = [1_000_000 * (disk is not None) for disk in disks]
    capacity = np.array([[64_000] * 4, [10_000] * 4, [0] * 4, device, [1000] * 4])
    return Ledger(capacity, disks=disks, demands=True, **options)


def device_micro(profile, disk, many):
    """Device time in micro-seconds per second by the kernel's cost model, written out for one container."""
    total, size = 0.0, profile.io_size_bytes
    random = 1.0 if many and disk.rotates else profile.random_io
    for bps, rate, seq, rand in (
        (profile.disk_read_bps, disk.read_bps, disk.read_seq_iops, disk.read_rand_iops),
        (profile.disk_write_bps, disk.write_bps, disk.write_seq_iops, disk.write_rand_iops),
    ):
        page = 4096 / rate
        base = (1 - random) * max(1 / seq - page, 0) + random * max(1 / rand - page, 0)
        total += bps / size * (base + max(size / 4096, 1) * page)
    return round(1e6 * total)


def from_scratch(there):
    """Rows cpu, memory, disk, net of what is declared, container by container."""
    table = np.zeros((4, len(HOSTS)), dtype=int)
    for host, name in enumerate(HOSTS):
        here = [task for (task, where), n in there.items() if where == host for _ in range(n)]
        readers = [t for t in here if t.profile and t.profile.disk_read_bps + t.profile.disk_write_bps > 0]
        for task in here:
            if task.profile is None:
                table[:2, host] += task.need[:2]
            else:
                table[:, host] += [
                    round(1000 * task.profile.cpu_cores),
                    round(task.profile.memory_bytes),
                    0 if name is None else device_micro(task.profile, DISKS[name], len(readers) > 1),
                    round(task.profile.net_bps),
                ]
    return table


steps = st.lists(
    st.tuples(
        st.sampled_from(["come", "come", "go", "measure"]), st.integers(0, 30), st.integers(0, 3), st.integers(1, 3)
    ),
    max_size=25,
)


@given(steps)
def test_declared_demand_is_that_of_a_count_from_scratch(steps):
    ledger, there, fresh = books(), Counter(), Counter()
    for number, (what, which, host, count) in enumerate(steps):
        if what == "measure":
            ledger.measured(float(number), np.zeros((4, 4)))
            fresh.clear()
        elif what == "come":
            task = TASKS[which % len(TASKS)]
            ledger.place(task, np.array([host, (host + 1) % 4]), np.array([count, 1]))
            more = {(task, host): count, (task, (host + 1) % 4): 1}
            there.update(more)
            fresh.update(more)
        elif there:
            task, host = sorted(there, key=str)[which % len(there)]
            count = min(count, there[task, host])
            ledger.release(task, np.array([host]), np.array([count]))
            there[task, host] -= count
            there += Counter()
            # The oldest end first: those that are left are the youngest.
            fresh[task, host] = min(fresh[task, host], there[task, host])
        view = ledger.snapshot()
        np.testing.assert_array_equal(view.declared, from_scratch(there))
        alone = from_scratch(fresh)
        np.testing.assert_array_equal(np.delete(view.fresh, 2, axis=0), np.delete(alone, 2, axis=0))
        kinds, counts, demands = view.residents()
        assert (counts.sum(axis=1) == [sum(n for (_, h), n in there.items() if h == host) for host in range(4)]).all()
        assert ((counts > 0) == (kinds != NOBODY)).all()
        np.testing.assert_array_equal((demands * counts[:, None, :]).sum(axis=2).T, view.declared)


@given(steps)
def test_who_looks_for_the_first_time_sees_what_who_always_looked_sees(steps):
    early, late = books(), books()
    early.snapshot().residents()
    there = Counter()
    for number, (what, which, host, count) in enumerate(steps):
        for ledger in (early, late):
            if what == "measure":
                usage = np.zeros((4, 4))
                usage[:, host] = np.nan if count == 1 else 0.0
                ledger.measured(float(number), usage)
            elif what == "come":
                ledger.place(TASKS[which % len(TASKS)], np.array([host, (host + 1) % 4]), np.array([count, 1]))
            elif there:
                task, where = sorted(there, key=str)[which % len(there)]
                ledger.release(task, np.array([where]), np.array([min(count, there[task, where])]))
        if what == "come":
            there.update({(TASKS[which % len(TASKS)], host): count, (TASKS[which % len(TASKS)], (host + 1) % 4): 1})
        elif what == "go" and there:
            there[task, where] -= min(count, there[task, where])
            there += Counter()

    mine, theirs = late.snapshot(), early.snapshot()
    np.testing.assert_array_equal(mine.declared, theirs.declared)
    np.testing.assert_array_equal(mine.fresh, theirs.fresh)
    for host in range(4):
        # Numbers of kinds are given in the order in which they are met; what they stand for is the same.
        seen = [
            sorted((n, *one) for n, one in zip(r.counts[host].tolist(), r.demands[host].T.tolist(), strict=True) if n)
            for r in (mine.residents(), theirs.residents())
        ]
        assert seen[0] == seen[1]


def test_books_that_nobody_looks_at_forget_kinds_that_are_gone():
    ledger = books()
    for number in range(1000):
        task = Task(Resources(1, 1), profile=Demand(number / 1000, 1.0))
        ledger.place(task, np.array([0]), np.array([1]))
        if number % 2:
            ledger.measured(float(number), np.zeros((4, 4)))
        ledger.release(task, np.array([0]), np.array([1]))

    assert len(ledger.snapshot().demands.table.steps) < 100
    assert not ledger.snapshot().declared.any()


placed = st.lists(st.tuples(st.sampled_from(TASKS), st.integers(0, 3), st.integers(1, 2)), max_size=6)


@given(placed, st.sampled_from(TASKS), st.dictionaries(st.integers(0, 3), st.integers(1, 3), min_size=1))
def test_a_view_of_what_would_be_says_what_the_books_say_afterwards(placed, task, more):
    ledger = books()
    for there, host, count in placed:
        ledger.place(there, np.array([host]), np.array([count]))
    ledger.measured(1.0, np.ones((4, 4)))
    hosts, counts = np.array([*more]), np.array([*more.values()])
    would, wants = ledger.snapshot().after(task, hosts, counts), ledger.snapshot().wants(task).copy()
    one = ledger.snapshot().rows(hosts).after(task, slice(None), np.ones(hosts.size, dtype=int))
    predicted = [would.declared.copy(), would.fresh.copy(), would.residents()]
    one_more = one.declared[:, 0].copy(), ledger.snapshot().declared[:, hosts[0]].copy()

    ledger.commit((ledger.claims(task, hosts, counts),), Conflict.FINE, Commit.INCREMENTAL)

    view = ledger.snapshot()
    np.testing.assert_array_equal(predicted[0], view.declared)
    np.testing.assert_array_equal(predicted[1], view.fresh)
    for host in range(4):
        mine, theirs = (
            Counter(dict(zip(r.kinds[host].tolist(), r.counts[host].tolist(), strict=True)))
            for r in (predicted[2], view.residents())
        )
        assert +mine == +theirs
    # Who comes adds what it wants, and on a disk that rotates what it costs the others besides.
    assert (one_more[0] - one_more[1] >= wants[:, hosts[0]]).all()
    assert (one_more[0] - one_more[1] == wants[:, hosts[0]])[[0, 1, 3]].all()


def test_a_second_stream_makes_both_random_on_a_disk_that_rotates_and_neither_on_another():
    ledger = books()
    alone = ledger.snapshot().wants(READS)[2].copy()

    ledger.place(READS, np.array([0, 1, 2]), np.array([1, 1, 1]))
    assert ledger.snapshot().declared[2].tolist() == [*alone[:3], 0]
    second = ledger.snapshot().wants(READS)[2].copy()
    ledger.place(READS, np.array([0, 1, 2]), np.array([1, 1, 1]))

    assert ledger.snapshot().declared[2].tolist() == [*(2 * second[:3]), 0]
    hdd, ssd, none, _ = ledger.snapshot().declared[2].tolist()
    assert hdd > 4 * 2 * alone[0]
    assert ssd == 2 * alone[1]
    assert none == 0


def test_a_measurement_says_what_is_used_how_old_that_is_and_how_much_it_varies():
    ledger, uses = books(), np.arange(1.0, 40.0)
    assert ledger.snapshot().usage_age_s.tolist() == [np.inf] * 4
    for number, use in enumerate(uses):
        ledger.measured(10.0 * number, np.full((4, 4), use))
        view = ledger.snapshot()
        last = uses[: number + 1][-WINDOW:]
        np.testing.assert_allclose(view.usage_std, np.std(last))
    ledger.set_time(400.0)

    assert (view.usage == uses[-1]).all()
    assert view.usage_age_s.tolist() == [20.0] * 4
    assert view.rows(np.array([2])).usage_age_s.tolist() == [20.0]


def test_a_host_that_did_not_answer_keeps_its_old_measurement_and_one_that_came_back_has_none():
    ledger = books()
    ledger.measured(10.0, np.ones((4, 4)))
    silent = np.full((4, 4), 2.0)
    silent[:, 1] = np.nan
    ledger.set_host(2, alive=False)
    ledger.measured(20.0, silent)
    ledger.set_host(2, alive=True)

    view = ledger.snapshot()
    assert view.usage[0].tolist() == [2.0, 1.0, 0.0, 2.0]
    assert view.usage_age_s.tolist() == [0.0, 10.0, np.inf, 0.0]


def test_a_measurement_is_no_reason_for_a_conflict():
    ledger = books()
    mine = ledger.claims(READS, np.array([1]), np.array([1]))
    ledger.measured(1.0, np.ones((4, 4)))

    outcome = ledger.commit((mine,), Conflict.COARSE_WITH_RELEASES, Commit.INCREMENTAL)

    assert outcome.placed == 1


def test_what_does_not_look_at_measurements_is_not_scored_anew_by_them():
    asked = []

    def counting(view, task):
        asked.append(len(view))
        return scores.spread(view, task)

    ledger, placer = books(), Placer(counting)
    for number in range(3):
        placer.place(ledger.snapshot(), READS, 1)
        ledger.measured(float(number), np.ones((4, 4)))
        ledger.set_time(number + 0.5)

    assert asked == [4]


def test_a_score_that_reads_an_age_is_made_anew_when_time_moves_and_only_then():
    asked = []

    def ageing(view, task):
        asked.append(len(view))
        return np.where(view.usage_age_s > 30.0, 0.0, [1.0, 2.0, 3.0, 4.0][: len(view)])

    ledger, placer = books(), Placer(ageing)
    ledger.measured(0.0, np.ones((4, 4)))
    chosen = []
    for now_s in (10.0, 10.0, 40.0):
        ledger.set_time(now_s)
        chosen += placer.place(ledger.snapshot(), READS, 1)[0].tolist()

    assert chosen == [3, 3, 0]
    assert asked == [4, 4]


def test_kinds_that_are_gone_make_room_for_others():
    ledger = books()
    for number in range(1000):
        task = Task(Resources(1, 1), profile=Demand(number / 1000, 1.0))
        ledger.place(task, np.array([0]), np.array([1]))
        assert ledger.snapshot().declared[0, 0] == number
        ledger.release(task, np.array([0]), np.array([1]))

    assert len(ledger.snapshot().demands.table.steps) < 100


def test_a_picture_tells_of_old_containers_until_it_is_refreshed_and_of_no_use_that_was_measured():
    ledger = books()
    ledger.place(COMPUTES, np.array([0]), np.array([1]))
    live = ledger.snapshot()
    picture = live.demands.picture()
    seen = live.with_columns(picture)
    ledger.place(COMPUTES, np.array([0, 1]), np.array([1, 1]))
    assert seen.declared[0].tolist() == seen.fresh[0].tolist() == [2000, 0, 0, 0]

    picture.refresh(np.array([1]), live.demands)
    assert seen.fresh[0].tolist() == [2000, 2000, 0, 0]

    ledger.measured(1.0, np.ones((4, 4)))
    assert seen.declared[0].tolist() == [2000, 2000, 0, 0]
    assert not seen.fresh.any()


def test_books_without_demands_say_that_everybody_uses_what_it_asks_for():
    ledger = Ledger(np.array([[64_000] * 2, [10_000] * 2]))
    ledger.place(READS, np.array([1]), np.array([2]))
    view = ledger.snapshot()

    assert view.declared.tolist() == view.usage.tolist() == [[0, 200], [0, 20]]
    assert view.wants(READS).tolist() == [[100, 100], [10, 10]]
    assert not view.fresh.any()
    assert not view.usage_age_s.any()
    assert view.residents().counts.shape == (2, 0)
    with pytest.raises(ValueError, match="keep no demands"):
        ledger.measured(1.0, np.ones((2, 2)))


def test_nobody_writes_into_what_is_declared_or_measured():
    view = books().snapshot()

    for column in (view.usage, view.usage_std, view.fresh, view.declared):
        if not column.flags.owndata:
            with pytest.raises(ValueError, match="read-only"):
                column[...] = 1
