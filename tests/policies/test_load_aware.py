"""Policies that look at load score as their sources say, and do what they are for."""

import numpy as np
import pytest

from policies.cell import Ledger
from policies.errors import UserError
from policies.placement import Placer, load_aware, scores
from policies.requests import Demand, Resources, Task
from policies.sharing import DISKS, device_time, progress

CORE = Task(Resources(1000, 10))
COMPUTES = Task(Resources(100, 10), profile=Demand(1.0, 10.0))
READS = Task(Resources(100, 10), profile=Demand(0.05, 10.0, disk_read_bps=100e6, io_size_bytes=2**20))


def cell(n_hosts=2, cores=4, usage=None, disk="SSD_QD1", memory=100):
    ledger = Ledger(
        np.array([[1000 * cores] * n_hosts, [memory] * n_hosts, [0] * n_hosts, [10**6] * n_hosts]),
        disks=[DISKS[disk]] * n_hosts,
        demands=True,
    )
    if usage is not None:
        measure(ledger, 0.0, usage)
    return ledger


def measure(ledger, now_s, shares):
    """Each host uses such shares of its CPU and memory, and nothing of its disk."""
    capacity = ledger.snapshot().capacity
    ledger.measured(now_s, capacity * np.array([[share, share, 0.0] for share in shares]).T)


def put(ledger, task, *hosts):
    for host in hosts:
        ledger.place(task, np.array([host]), np.array([1]))


def chosen(score, ledger, task, k=1):
    return Placer(score).place(ledger.snapshot(), task, k)


def test_least_used_scores_the_mean_share_that_is_not_used():
    view = cell(usage=[0.25, 0.6]).snapshot()

    assert load_aware.least_used(view, CORE) == pytest.approx([75.0, 40.0])


def test_least_used_runs_with_the_herd_unless_it_counts_who_came():
    ledger = cell(n_hosts=4, usage=[0.0, 0.1, 0.1, 0.1], cores=16)

    assert chosen(load_aware.least_used, ledger, CORE, 8)[0].tolist() == [0]
    hosts, _ = chosen(lambda view, task: load_aware.least_used(view, task, fresh=True), ledger, CORE, 8)
    assert hosts.tolist() == [0, 1, 2, 3]


def test_target_load_packing_scores_as_trimaran_does():
    # 10 cores, the request of 1 predicted as 1.5: 15 % more than measured. Up to 40: (100 - 40) U / 40 + 40.
    view = cell(n_hosts=4, cores=10, usage=[0.05, 0.25, 0.55, 0.9]).snapshot()

    expected = [60 * 20 / 40 + 40, 100.0, 40 * (100 - 70) / 60, 0.0]
    assert load_aware.target_load_packing(view, CORE) == pytest.approx(expected)


def test_target_load_packing_predicts_of_who_came_since_and_believes_profiles():
    ledger = cell(cores=10, usage=[0.05, 0.05])
    put(ledger, CORE, 1)

    # 5 + 15 and 5 + 15 + 15 per cent; and with a profile of a core 5 + 10 and 5 + 10 + 10.
    assert load_aware.target_load_packing(ledger.snapshot(), CORE) == pytest.approx([70.0, 92.5])
    assert load_aware.target_load_packing(ledger.snapshot(), COMPUTES) == pytest.approx([62.5, 77.5])


def test_load_variation_risk_scores_as_trimaran_does():
    ledger = cell(n_hosts=2, cores=10, memory=1000)
    measure(ledger, 0.0, [0.1, 0.3])
    measure(ledger, 60.0, [0.5, 0.3])  # the mean of the last interval, and its deviation over both: 0.2 and 0

    # CPU: (0.5 + 0.1 + 0.2) / 2 and (0.3 + 0.1) / 2; memory is the lesser risk.
    assert load_aware.load_variation_risk(ledger.snapshot(), CORE) == pytest.approx([60.0, 80.0])
    risky = load_aware.load_variation_risk(ledger.snapshot(), CORE, margin=2.0, sensitivity=2.0)
    assert risky == pytest.approx([100 * (1 - (0.6 + 2 * 0.2**0.5) / 2), 80.0])


def test_load_aware_scores_and_refuses_as_koordinator_does():
    ledger = cell(n_hosts=3, cores=10, usage=[0.2, 0.5, 0.6], memory=1000)
    put(ledger, CORE, 1)

    # 8.5 % of the CPU and 0.7 % of the memory for each container that no measurement tells of.
    cpu, memory = [0.285, 0.67, 0.685], [0.207, 0.514, 0.607]
    first = 100 * ((1 - cpu[0]) + (1 - memory[0])) / 2
    assert load_aware.load_aware(ledger.snapshot(), CORE) == pytest.approx([first, -np.inf, -np.inf])
    open_to_all = load_aware.load_aware(ledger.snapshot(), CORE, cpu_threshold=0.0, dominant_weight=2.0)
    expected = [100 * (2 - c - m + 2 * (1 - max(c, m))) / 4 for c, m in zip(cpu, memory, strict=True)]
    assert open_to_all == pytest.approx(expected)


def test_load_aware_believes_no_measurement_that_expired():
    ledger = cell(usage=[0.0, 0.99], cores=10)
    put(ledger, CORE, 0, 0)
    view, placer = ledger.snapshot(), Placer(load_aware.load_aware)
    ledger.set_time(100.0)
    assert placer.place(view, CORE, 1)[0].tolist() == [0]

    ledger.set_time(181.0)

    # What is declared of the first is more than the nothing that is declared of the second.
    assert placer.place(view, CORE, 1)[0].tolist() == [1]
    # And nobody is refused for what is merely declared.
    put(ledger, COMPUTES, *[0] * 9, *[1] * 9)
    assert np.isfinite(load_aware.load_aware(view, COMPUTES)).all()


def test_demand_shape_puts_who_computes_beside_who_reads():
    ledger = cell(usage=[0.0, 0.0])
    put(ledger, COMPUTES, 0)
    put(ledger, READS, 1)

    assert chosen(load_aware.demand_shape, ledger, COMPUTES)[0].tolist() == [1]
    assert chosen(load_aware.demand_shape, ledger, READS)[0].tolist() == [0]


def test_tetris_scores_the_dot_product_of_what_is_declared_and_what_is_left():
    ledger = cell(cores=4)
    put(ledger, COMPUTES, 1)

    # 1/4 * 1 + 10/100 * 1 and 1/4 * 3/4 + 10/100 * 9/10.
    assert load_aware.tetris(ledger.snapshot(), COMPUTES) == pytest.approx([0.35, 0.2775])


def test_tetris_exceeds_what_a_host_has_only_where_it_must_and_then_least():
    ledger = cell(n_hosts=3, cores=4, disk="HDD", memory=1000)
    put(ledger, READS, 0, 0, 1)
    score = load_aware.tetris(ledger.snapshot(), READS)

    assert score[2] > 0 > score[1] > score[0]


def test_tetris_without_demands_is_the_dot_product():
    ledger = Ledger(np.array([[4000, 8000, 4000], [100, 200, 400]]))
    put(ledger, CORE, 0, 2)
    view = ledger.snapshot()

    assert load_aware.tetris(view, CORE) == pytest.approx(scores.dot_product(view, CORE))


def test_predicted_contention_spreads_equal_containers_evenly_over_equal_hosts():
    for disk in ("HDD", "SSD_QD1"):
        for task in (COMPUTES, READS, CORE):
            hosts, counts = chosen(load_aware.predicted_contention, cell(n_hosts=5, disk=disk), task, 15)
            assert (hosts.size, set(counts.tolist())) == (5, {3}), (disk, task)


def test_predicted_contention_is_the_rise_of_the_sum_of_slowdowns():
    ledger = cell(n_hosts=3, cores=2, usage=[0.0] * 3)
    put(ledger, COMPUTES, 0, 0, 0, 1)

    score = load_aware.predicted_contention(ledger.snapshot(), COMPUTES)

    # Three on two cores take 1.5 times as long each, four twice as long: 8 - 4.5. Two on two cores do not mind.
    assert score == pytest.approx([-3.5, -1.0, -1.0], abs=1e-6)
    assert chosen(load_aware.predicted_contention, ledger, COMPUTES)[0].tolist() == [2]


def test_predicted_contention_is_that_of_containers_counted_one_by_one():
    ledger = cell(n_hosts=1, cores=2)
    wide = COMPUTES._replace(profile=Demand(2.0, 10.0, disk_read_bps=50e6))
    before, after = [COMPUTES] * 3 + [READS] * 2, [COMPUTES] * 3 + [READS] * 2 + [wide]
    put(ledger, COMPUTES, 0, 0, 0)
    put(ledger, READS, 0, 0)

    def slowdowns(there):
        profiles = [task.profile for task in there]
        disk = [device_time(*profile[2:6], DISKS["SSD_QD1"]) for profile in profiles]
        demands = np.array([[profile.cpu_cores for profile in profiles], disk])
        return (1 / progress(np.array([2.0, 1.0]), demands).rates).sum()

    rise = slowdowns(after) - slowdowns(before)
    assert load_aware.predicted_contention(ledger.snapshot(), wide) == pytest.approx([-rise], abs=1e-4)


def test_predicted_contention_keeps_readers_apart_where_disks_rotate():
    ledger = cell(n_hosts=2, cores=4, disk="HDD", memory=1000)
    put(ledger, READS, 0)
    put(ledger, COMPUTES, 1, 1, 1)

    assert chosen(load_aware.predicted_contention, ledger, READS)[0].tolist() == [1]
    assert chosen(scores.spread, ledger, READS)[0].tolist() == [0]


@pytest.mark.parametrize(
    ("score", "parameters"),
    [
        (load_aware.target_load_packing, {"target": 100.0}),
        (load_aware.load_variation_risk, {"margin": -1.0}),
        (load_aware.load_variation_risk, {"sensitivity": 0.0}),
    ],
)
def test_parameters_without_meaning_are_the_users_error(score, parameters):
    with pytest.raises(UserError, match=next(iter(parameters))):
        score(cell().snapshot(), CORE, **parameters)
