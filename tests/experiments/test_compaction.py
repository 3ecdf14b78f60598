"""How few hosts hold a workload: found by bisection, held against trying every number."""

import pytest

from experiments.results.study import RunKey, Study
from experiments.running.compaction import compact
from policies.errors import UserError

HEADER = "job,submit_s,workload,tasks,duration_s,cpus,memory_bytes"


@pytest.fixture
def study(tmp_path):
    def make(rows, hosts=20, until_s=None):
        path = tmp_path / "jobs.csv"
        path.write_text("\n".join([HEADER, *rows, ""]))
        return Study(trace=str(path), hosts=str(hosts), host_cpus=4, host_memory_bytes=4 * 2**30, until_s=until_s)

    return make


def needed(study, policy="first-fit", seed=1):
    return compact(study, RunKey("none", policy, seed), lambda share: None).metrics


@pytest.mark.parametrize("policy", ["first-fit", "binpack", "least-allocated", "random-first-fit", "round-robin"])
def test_equal_containers_need_what_arithmetic_says(study, policy):
    # Each host holds four of them, by CPU; nobody packs 41 into ten.
    assert needed(study(["a,0,batch,41,10,1,1073741824"]), policy)["hosts_needed"] == 11


def test_best_fit_needs_fewer_hosts_than_worst_fit_where_sizes_are_unlike(study):
    rows = [f"s{n},0,batch,1,10,1,1073741824" for n in range(24)] + [
        f"l{n},0,batch,1,10,3,1073741824" for n in range(12)
    ]

    worst = [needed(study(rows), "least-allocated", seed)["hosts_needed"] for seed in range(5)]
    best = [needed(study(rows), "binpack", seed)["hosts_needed"] for seed in range(5)]

    # 24 + 36 cores are 15 hosts, full to the last core.
    assert min(best) >= 15
    assert sum(best) < sum(worst)


def test_a_cell_too_small_for_its_workload_is_cloned(study):
    assert needed(study(["a,0,batch,24,10,1,1073741824"], hosts=4))["hosts_needed"] == 6


def test_what_runs_at_another_moment_is_what_counts(study):
    rows = ["early,0,batch,40,10,1,1", "late,20,batch,8,100,1,1"]

    assert needed(study(rows))["hosts_needed"] == 10
    assert needed(study(rows, until_s=15.0 + 10.0))["hosts_needed"] == 2


def test_a_few_in_a_thousand_may_be_left_over(study):
    # One container of a thousand fits nowhere, and two in a thousand may be left over.
    rows = ["small,0,batch,999,10,0.016,16777216", "large,0,batch,1,10,5,4294967296"]

    assert needed(study(rows))["hosts_needed"] == 4


def test_nothing_to_pack_is_said_in_one_line(study):
    with pytest.raises(UserError, match="nothing runs at 50 s"):
        needed(study(["a,0,batch,1,10,1,1"], until_s=50.0))
