"""What containers of one host do to each other, by figures that fit on paper."""

import pytest

from policies.log import Event
from policies.sharing import DISKS, wake_up_limit
from policies.sharing.isolation import Bands, Caps, Shares, Unmanaged
from sim.contention import Interplay


def slowdowns(cell, mode):
    """A runaway with 8 threads beside one of 1, each of which asked for one of two cores, so long that neither ends."""
    run = cell.run(
        [cell.job("runaway", cpu=8.0, request=1.0, run_s=1000.0), cell.job("modest", cpu=1.0, request=1.0, run_s=9.0,
                                                                       workload="service")],
        interplay=Interplay(mode),
    )  # fmt: skip
    (row,) = run.of(Event.FINISHED, job="modest")
    return row.seconds / 9.0


@pytest.mark.parametrize(
    ("mode", "slower"),
    [
        (Unmanaged(), 4.5),  # one of nine threads on two cores: 2/9 of a core
        (Unmanaged("container"), 1.0),  # half of two cores
        (Shares(), 1.0),
        (Caps(), 1.0),
        (Bands(), 1.0),
    ],
)
def test_a_runaway_takes_what_its_mode_of_isolation_lets_it(cell, mode, slower):
    assert slowdowns(cell, mode) == pytest.approx(slower)


def test_a_cap_holds_even_on_an_idle_host_and_is_no_slowdown(cell):
    run = cell.run([cell.job("a", cpu=2.0, request=0.5, run_s=10.0)], interplay=Interplay(Caps()))

    # Alone on this host it would be capped too.
    (row,) = run.of(Event.FINISHED)
    assert (row.seconds, row.alone_s) == pytest.approx((40.0, 40.0))
    assert run.level(run.of(Event.STARTED)[0], "cpu_used_share") == pytest.approx(0.25)


def test_batch_work_gets_next_to_nothing_of_what_services_want_in_bands(cell):
    run = cell.run(
        [cell.job("service", cpu=2.0, request=1.0, workload="service"), cell.job("batch", cpu=2.0, request=1.0)],
        interplay=Interplay(Bands()),
    )

    # 1024 shares against the 2 of the group that all batch work is in; it began a second later.
    assert run.slowdown("service") == pytest.approx((1 + 9 * 1026 / 1024) / 10)


@pytest.mark.parametrize("minds", [0.0, 1.0, 10.0])
def test_neighbours_cost_as_the_formula_of_interference_says(cell, minds):
    run = cell.run([cell.job("a", tasks=5, cpu=0.1)], interplay=Interplay(minds=minds))

    assert run.slowdown("a") == pytest.approx(1 + 0.003 * 4 * minds)


@pytest.mark.parametrize("wake_up_s", [0.0, 0.002])
def test_who_reads_waits_for_the_cpu_as_the_formula_says(cell, wake_up_s):
    run = cell.run(
        [cell.job("reads", cpu=0.01, disk_read_bps=4096.0 * 100, io_size_bytes=4096.0),
         cell.job("computes", cpu=1.0, run_s=1000.0)],
        cell.hosts(cores=1, disk=DISKS["SSD_DFL"]), interplay=Interplay(Shares("v1"), wake_up_s=wake_up_s),
        thinks_s=0.0,
    )  # fmt: skip

    limit = min(wake_up_limit(100.0, 1.0, wake_up_s), 1.0)
    assert run.slowdown("reads") == pytest.approx(1 / limit)


def latency(cell, others, cpu=0.5, cores=2):
    run = cell.run(
        [cell.job("service", workload="service", cpu=cpu, request=0.1), cell.job("others", tasks=others, cpu=0.5)]
        if others else [cell.job("service", workload="service", cpu=cpu, request=0.1)],
        cell.hosts(cores=cores), thinks_s=0.0, until_s=5.0,
    )  # fmt: skip
    return run.metrics["service_latency_mean"]


def test_the_latency_of_a_service_is_1_alone_and_never_falls_as_others_come(cell):
    seen = [latency(cell, others) for others in range(12)]

    assert seen[0] == pytest.approx(1.0)
    assert seen == sorted(seen)
    # 1 / (1 - 0.5 / 1.5) with one of 0.5 beside it, against 1 / (1 - 0.5 / 2) alone.
    assert seen[1] == pytest.approx(1.5 / (4 / 3))
    assert 1 < seen[-1] <= 100


def test_the_latency_of_a_service_that_wants_more_than_it_can_have_is_bounded(cell):
    assert latency(cell, 15, cpu=1.9) <= 100.0
    assert latency(cell, 15, cpu=1.9) > 4.0


def test_without_services_there_is_no_latency(cell):
    assert cell.run([cell.job("a")]).metrics["service_latency_mean"] is None
