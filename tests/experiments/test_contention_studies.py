"""Studies of shared hosts: what somebody published or measured, and what placement by use of CPU and disk is worth."""

from math import floor, isnan

import pandas as pd
import pytest

from experiments import cpu_io_spreading, docker_interference, fair_share, noisy_neighbour
from experiments.measures.checks import Verdict
from experiments.measures.statistics import Estimate
from experiments.running.experiment import Plan
from experiments.running.placed import Placed, rates, run_placed
from experiments.running.simulate import simulate
from policies.requests import Demand
from policies.sharing import WAKE_UP_S, waterfill_tree
from policies.sharing.isolation import Shares
from policies.sharing.tree import Branch, Leaf
from sim.contention import Interplay
from traces.hosts import uniform


def table_of(experiment):
    """The table of an experiment whose runs are all done by hand, made here."""
    rows = []
    for where, study, key, _, work in experiment.points(Plan()):
        rows += [where | row for row in work(study, key, lambda share: None).folded]
    return pd.DataFrame(rows)


# -- containers that are put on their hosts ---------------------------------------------------------------------


def test_what_is_measured_of_each_in_turn_adds_up_to_the_host():
    threads = {"a": 0.5, "b": 3.0, "c": 8.0}
    containers = [Placed(name, Demand(cores, 0.0), 500) for name, cores in threads.items()]

    speed = rates(uniform(1, 4.0, 0), Interplay(Shares()), containers)

    assert sum(threads[name] * speed[name] for name in threads) == pytest.approx(4.0)
    assert speed["a"] == pytest.approx(1.0)


def test_a_container_with_its_host_to_itself_is_not_slowed():
    alone = [Placed(f"on-{host}", Demand(1.0, 0.0), host=host, work_s=10.0 + host) for host in range(2)]
    seen = run_placed(uniform(2, 1.0, 0), Interplay(), alone)

    assert [ran.slowdown for ran in seen.ended.values()] == pytest.approx([1.0, 1.0])
    assert seen.makespan_s == pytest.approx(11.0)
    assert seen.levels["cpu_used"] == pytest.approx(1.0)


# -- published shares ---------------------------------------------------------------------------------------------


def test_every_published_share_and_ratio_comes_out_to_the_printed_digits():
    table = table_of(fair_share)

    for row in table.itertuples():
        scaled = round(row.ours * 10**row.places, 6)
        assert round(row.published * 10**row.places) in (floor(scaled), floor(scaled + 0.5)), (row.example, row.who)
    assert {check.verdict for check in fair_share.check(table)} == {Verdict.HOLDS}


def test_a_figure_that_is_off_in_its_last_digit_does_not_hold():
    table = table_of(fair_share)
    table["ours"] += 2 * 10.0 ** -table.places.astype(float)

    assert {check.verdict for check in fair_share.check(table)} == {Verdict.FAILS}


def test_the_tank_shares_among_groups_as_the_tree_of_the_published_example():
    example = fair_share.EXAMPLES[-1]
    tree = Branch((Branch((Leaf(0, 1), Leaf(1, 1), Leaf(2, 2)), weight=5), Leaf(3, 5)))

    percent = fair_share.cpu_percent(example)

    names = [one.name for one in example.containers]
    demands = pd.Series([one.demand.cpu_cores for one in example.containers]).to_numpy()
    assert [percent[name] for name in names] == pytest.approx((100 * waterfill_tree(1.0, tree, demands)).tolist())


# -- a runaway ------------------------------------------------------------------------------------------------------


def test_every_claim_about_the_runaway_holds_and_only_caps_leave_cores_idle():
    table = table_of(noisy_neighbour)

    assert {check.verdict for check in noisy_neighbour.check(table)} == {Verdict.HOLDS}
    idle = table.groupby("isolation").cores_wasted.max()
    assert set(idle[idle > 1e-9].index) == {"caps"}


def test_more_threads_never_make_a_neighbour_faster():
    for _, part in table_of(noisy_neighbour).groupby("isolation"):
        for measure in ("slowdown_services", "slowdown_batch", "latency_services", "cores_runaway"):
            values = part.sort_values("threads")[measure]
            assert (values.diff().dropna() > -1e-9).all(), measure


# -- a real host ----------------------------------------------------------------------------------------------------


def test_the_fluid_model_of_the_docker_hosts_is_what_their_budgets_say():
    cases = {case.case: docker_interference.ours(case, 0.0) for case in docker_interference.CASES}
    write_s = 24 * 2**20 / (64 * 1024) * (1 / 415 - 4096 / 10e6 + 64 * 1024 / 10e6)

    assert [cases[f"computes, beside {k} that compute"] for k in (1, 2, 3)] == pytest.approx([2, 3, 4])
    assert [cases[f"writes, beside {k} that compute"] for k in (1, 2, 3)] == pytest.approx([1, 1, 1])
    by_kind_s = max(2 * 2.95 / 0.8, 2 * write_s)
    assert cases["makespan 2 + 2, by kind / mixed"] == pytest.approx(by_kind_s / max(2.95 / 0.8, write_s), rel=1e-3)


def test_the_wait_for_the_cpu_meets_what_it_was_fitted_to_and_brings_nearer_what_it_was_not():
    def far(case, wake_up_s):
        return abs(docker_interference.ours(case, wake_up_s) - case.figure)

    for case in docker_interference.CASES:
        if case.fitted:
            assert far(case, WAKE_UP_S) < 0.1
            assert far(case, 0.0) > 0.2
    two_and_two = docker_interference.CASES[-2]
    assert far(two_and_two, WAKE_UP_S) < far(two_and_two, 0.0)
    # And not all the way: the docstring says so, and why.
    assert docker_interference.ours(two_and_two, WAKE_UP_S) > 1.1 * two_and_two.figure


# -- spreading by use -----------------------------------------------------------------------------------------------


def point(policy, share, load=cpu_io_spreading.LOAD, disk="HDD"):
    study, key = cpu_io_spreading._point("share", disk, share, load, policy, 1)[1:3]
    return simulate(study, key).metrics


def test_where_half_reads_spreading_by_use_beats_spreading_by_number_on_hard_disks_and_less_so_on_ssds():
    gain = {
        disk: 1
        - point("demand-shape", 0.5, disk=disk)["slowdown_mean"] / point("spread", 0.5, disk=disk)["slowdown_mean"]
        for disk in cpu_io_spreading.DISKS
    }

    assert gain["HDD"] > 0.25
    assert -0.05 < gain["SSD_DFL"] < gain["HDD"] / 2


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_where_all_are_of_one_kind_spreading_by_use_is_spreading_by_number(share):
    by_number, by_use = (point(policy, share, load=0.4) for policy in ("spread", "demand-shape"))

    assert by_use["slowdown_mean"] == pytest.approx(by_number["slowdown_mean"])
    assert by_number["slowdown_mean"] > 1.1


def test_what_pays_pays_between_where_its_interval_leaves_zero_and_comes_back():
    at = [0.0, 1.0, 2.0, 3.0, 4.0]
    gain = [Estimate(mean, 1.0) for mean in (0.0, 2.0, 5.0, 2.0, -1.0)]

    assert cpu_io_spreading.crossovers(at, gain) == pytest.approx((0.5, 3 + 1 / 3))
    assert cpu_io_spreading.crossovers(at, [Estimate(2.0, 1.0)] * 5) == (0.0, 4.0)
    assert all(isnan(end) for end in cpu_io_spreading.crossovers(at, [Estimate(0.5, 1.0)] * 5))
