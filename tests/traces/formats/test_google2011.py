"""The Google trace of 2011: its lines become the containers, run times and machines that they describe."""

import csv
import gzip
import random
from collections import Counter
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.errors import UserError
from policies.requests import Resources
from traces.formats.google2011 import Google2011, looks_like
from traces.hosts import HostEvent
from traces.reading.rejects import OnBadRow, Rejects
from traces.trace import OPEN_ENDED

SUBMIT, SCHEDULE, EVICT, FAIL, FINISH, KILL, LOST, UPDATE_PENDING, UPDATE_RUNNING = range(9)
ADD, REMOVE, UPDATE = range(3)
AFTER_THE_END = 2**63 - 1

MACHINE_7 = [f"0,7,{ADD},platform,1,1"]


def line(t, event, *, job=1, index=0, machine="", priority=0, cpu="0.5", memory="0.25", time=None, user="user"):
    """One line of task_events, `t` in seconds."""
    time = round(t * 1e6) if time is None else time
    return f"{time},,{job},{index},{machine},{event},{user},0,{priority},{cpu},{memory},,0"


def folder_of(folder, tasks, machines=MACHINE_7):
    for name, lines in (("task_events", tasks), ("machine_events", machines)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "part-00000-of-00001.csv").write_text("".join(f"{text}\n" for text in lines))
    return folder


def skipping():
    return Rejects(OnBadRow.SKIP)


@pytest.fixture
def read(tmp_path):
    def read(*tasks, machines=MACHINE_7, rejects=None):
        return Google2011(folder_of(tmp_path, tasks, machines), rejects or Rejects())

    return read


def submitted(trace):
    """Each job as ``(id, submit_s, first?, [run times])``."""
    return [
        (job.id, job.submit_s, not job.resubmission, [float(run) for runs in run_s for run in runs])
        for job, run_s, *_ in trace.arrivals()
    ]


def runs(trace):
    return [run for _, _, _, run_s in submitted(trace) for run in run_s]


def noted(trace, words):
    """The count in the one note with these words, 0 if there is none."""
    counts = [int(note.rpartition(": ")[2].replace(",", "")) for note in trace.assumptions() if words in note]
    assert len(counts) <= 1
    return sum(counts)


# ---- The real trace -------------------------------------------------------------------------------------------------


def plain_lines(folder):
    for part in sorted(folder.glob("*.csv.gz")):
        with gzip.open(part, "rt", newline="") as file:
            yield from csv.reader(file)


def counted_plainly(folder):
    """What the files say, found by walking over them once in the order in which they stand."""
    added, machines = set(), set()
    for time, machine, event, *_ in plain_lines(folder / "machine_events"):
        machines.add(machine)
        if time == "0" and event == "0":
            added.add(machine)

    waiting, running = {}, {}  # task -> since when
    ran_at_0, jobs = set(), set()
    waiting_at_0 = None
    containers = on_machine = cpu_milli = ended_us = 0
    for time, _, job, index, machine, event, _, _, _, cpu, *_ in plain_lines(folder / "task_events"):
        time, task = int(time), (job, index)
        if time > 0 and waiting_at_0 is None:
            waiting_at_0 = len(waiting)
            jobs |= {job for job, *_ in waiting}
        if event == "0":
            waiting[task] = time
            if time > 0:
                containers += 1
                jobs.add(job)
        elif event == "1":
            del waiting[task]
            running[task] = time
            if time == 0:
                ran_at_0.add(job)
                if machine in added:
                    on_machine += 1
                    cpu_milli += int((Decimal(cpu) * 10**6).quantize(Decimal(1), ROUND_HALF_EVEN))
        elif task in waiting:
            ended_us += time - waiting.pop(task)
        else:
            began = running.pop(task)
            ended_us += time - began if began > 0 else 0
    return {
        "jobs": len(jobs - ran_at_0),
        "containers": containers + waiting_at_0,
        "running at 0": on_machine,
        "CPU at 0": cpu_milli,
        "microseconds of what was submitted and ended": ended_us,
        "machines": len(machines),
        "machines at 0": len(added),
        "end": time / 1e6,
    }


def test_the_real_parts_say_what_an_independent_count_says(traces_dir):
    folder = traces_dir / "google2011"
    trace = Google2011(folder, Rejects())
    arrivals, prefill, hosts = list(trace.arrivals()), list(trace.prefill()), trace.hosts()
    run_s = np.concatenate([runs for _, of_groups, *_ in arrivals for runs in of_groups])
    micros = np.rint(run_s[np.isfinite(run_s)] * 1e6).astype(np.int64)

    assert {
        "jobs": sum(not job.resubmission for job, *_ in arrivals),
        "containers": sum(job.tasks for job, *_ in arrivals),
        "running at 0": sum(entry.hosts.size for entry in prefill),
        "CPU at 0": sum(entry.task.need.cpu_milli * entry.hosts.size for entry in prefill),
        "microseconds of what was submitted and ended": int(micros.sum()),
        "machines": len(hosts),
        "machines at 0": int(hosts.alive.sum()),
        "end": trace.end_s(),
    } == counted_plainly(folder)


def test_the_real_parts_come_in_order_and_one_first_submission_a_job(traces_dir):
    jobs = [job for job, *_ in Google2011(traces_dir / "google2011", Rejects()).arrivals()]

    order = [(job.submit_s, int(job.id)) for job in jobs]

    assert order == sorted(order)
    assert set(Counter(job.id for job in jobs if not job.resubmission).values()) == {1}


# ---- One life -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [EVICT, FAIL, FINISH, KILL, LOST])
def test_a_container_runs_from_its_schedule_to_its_end(read, end):
    trace = read(line(600, SUBMIT), line(610, SCHEDULE, machine=7), line(650.5, end))

    assert submitted(trace) == [("1", 600.0, True, [40.5])]


def test_a_container_that_is_killed_while_it_waits_runs_for_as_long_as_it_waited(read):
    trace = read(line(600, SUBMIT), line(630, KILL))

    assert runs(trace) == [30.0]
    assert noted(trace, "ended while they waited") == 1


@pytest.mark.parametrize("scheduled", [[], [line(610, SCHEDULE, machine=7)]], ids=["waiting", "running"])
def test_what_has_no_end_in_the_data_is_open_ended(read, scheduled):
    assert runs(read(line(600, SUBMIT), *scheduled)) == [OPEN_ENDED]


def test_what_ends_after_the_end_of_the_trace_never_ends(read):
    trace = read(line(600, SUBMIT), line(610, SCHEDULE, machine=7), line(0, FINISH, time=AFTER_THE_END))

    assert runs(trace) == [OPEN_ENDED]
    assert trace.end_s() == 610.0
    assert noted(trace, "after the end of the trace") == 1


def test_a_resubmission_after_an_eviction_is_input_but_no_new_job(read):
    trace = read(
        line(600, SUBMIT), line(610, SCHEDULE, machine=7), line(650, EVICT),
        line(650.1, SUBMIT), line(660, SCHEDULE, machine=7), line(690, FINISH),
    )  # fmt: skip

    assert submitted(trace) == [("1", 600.0, True, [40.0]), ("1", 650.1, False, [30.0])]


def test_a_resubmission_within_a_second_is_kept_apart_from_first_submissions(read):
    trace = read(
        line(600, SUBMIT), line(600.1, SCHEDULE, machine=7), line(600.2, EVICT), line(600.3, SUBMIT),
        line(600.4, SUBMIT, index=1),
    )  # fmt: skip

    assert [(first, len(run_s)) for _, _, first, run_s in submitted(trace)] == [(True, 2), (False, 1)]


def test_an_update_changes_what_a_waiting_task_asks_for(read):
    trace = read(
        line(600, SUBMIT, cpu="0.5", memory="0.25"),
        line(605, UPDATE_PENDING, cpu="0.125", memory=""),
        line(610, SCHEDULE, machine=7, cpu="", memory=""),
        line(620, UPDATE_RUNNING, cpu="0.75"),
        line(625, UPDATE_PENDING, cpu="0.75"),
        line(630, FINISH, cpu="0.75"),
    )

    [(job, *_)] = trace.arrivals()

    assert job.groups[0].task.need == Resources(125_000, 250_000_000_000)
    assert noted(trace, "changes of a request") == 2


def test_an_update_of_a_task_that_was_never_submitted_changes_no_other(read):
    trace = read(line(600, SUBMIT, cpu="0.5"), line(610, UPDATE_PENDING, index=1, cpu="0.125"))

    [(job, *_)] = trace.arrivals()

    assert job.groups[0].task.need.cpu_milli == 500_000
    assert noted(trace, "changes of a request") == 1


def test_a_request_that_is_missing_is_nothing_and_counted(read):
    trace = read(line(600, SUBMIT, cpu="", memory=""), line(700, SUBMIT, index=1, memory=""))

    needs = [job.groups[0].task.need for job, *_ in trace.arrivals()]

    assert needs == [Resources(0, 0), Resources(500_000, 0)]
    assert noted(trace, "ask for no amount") == 2


def test_a_request_too_small_for_the_books_is_not_nothing(read):
    [(job, *_)] = read(line(600, SUBMIT, cpu="1e-9", memory="1e-13")).arrivals()

    assert job.groups[0].task.need == Resources(1, 1)


def test_a_schedule_without_a_submission_is_one(read):
    trace = read(line(610, SCHEDULE, machine=7), line(650, FINISH))

    assert submitted(trace) == [("1", 610.0, True, [40.0])]
    assert noted(trace, "without having been submitted") == 1


def test_an_end_of_what_neither_waits_nor_runs_is_ignored_and_counted(read):
    trace = read(line(600, FINISH, job=9), line(600, SUBMIT), line(610, KILL), line(620, KILL))

    assert submitted(trace) == [("1", 600.0, True, [10.0])]
    assert noted(trace, "neither waited nor ran") == 2


@pytest.mark.parametrize(("priority", "workload"), [(0, "batch"), (8, "batch"), (9, "service"), (11, "service")])
def test_production_priorities_are_services(read, priority, workload):
    [(job, *_)] = read(line(600, SUBMIT, priority=priority)).arrivals()

    assert (job.workload, job.groups[0].task.priority) == (workload, priority)


# ---- Lines of one time ----------------------------------------------------------------------------------------------

BEFORE = [line(600, SUBMIT), line(610, SCHEDULE, machine=7)]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            [*BEFORE, line(650, EVICT), line(650, SUBMIT), line(650, SCHEDULE, machine=7), line(660, FINISH)],
            [40.0, 10.0],
        ),
        (
            [*BEFORE, line(650, EVICT), line(650, SUBMIT), line(670, SCHEDULE, machine=7), line(690, FINISH)],
            [40.0, 20.0],
        ),
        ([line(600, SUBMIT), line(600, SCHEDULE, machine=7), line(600, FINISH)], [0.0]),
        ([line(600, SUBMIT), line(600, KILL), line(650, SUBMIT), line(660, KILL)], [0.0, 10.0]),
        ([line(600, SUBMIT), line(610, KILL), line(650, SUBMIT), line(650, KILL)], [10.0, 0.0]),
        ([line(600, SUBMIT), line(650, SCHEDULE, machine=7), line(650, KILL)], [0.0]),
        ([line(0, SUBMIT), line(0, SCHEDULE, machine=7), line(650, KILL), line(650, SUBMIT), line(655, KILL)], [5.0]),
    ],
)
def test_lines_of_one_time_may_stand_in_any_order(read, lines, expected):
    shuffler = random.Random(1)
    for _ in range(20):
        shuffler.shuffle(lines)

        assert runs(read(*lines)) == expected


# ---- Time 0 ---------------------------------------------------------------------------------------------------------


def test_what_runs_at_time_0_is_prefilled_on_its_machine(read):
    trace = read(
        line(0, SUBMIT, cpu="", memory=""),
        line(0, SCHEDULE, machine=9, cpu="0.125", memory="0.5", priority=9),
        line(700, FAIL),
        machines=[f"0,{machine},{ADD},platform,1,1" for machine in (7, 9)],
    )

    [entry] = trace.prefill()

    assert (entry.job, entry.workload, entry.task.need) == ("1", "service", Resources(125_000, 500_000_000_000))
    assert (entry.hosts.tolist(), entry.run_s.tolist()) == ([1], [700.0])
    assert submitted(trace) == []


def test_a_job_is_its_users_and_so_is_what_runs_at_time_0(read):
    trace = read(
        line(0, SUBMIT, job=1, user="ann="),
        line(0, SCHEDULE, job=1, machine=7, user="ann="),
        line(700, SUBMIT, job=2, user="bob"),
        line(701, SUBMIT, job=3, user=""),
        line(702, SUBMIT, job=4, user="ann="),
    )
    assert [entry.as_arrival().job.user for entry in trace.prefill()] == ["ann="]
    assert [(job.id, job.user) for job, *_ in trace.arrivals()] == [("2", "bob"), ("3", ""), ("4", "ann=")]


def test_equal_containers_of_a_job_are_prefilled_together_with_their_own_run_times(read):
    machines = [f"0,{machine},{ADD},platform,1,1" for machine in (7, 9)]
    tasks = [line(0, event, index=i, machine=m) for i, m in enumerate((9, 7, 9)) for event in (SUBMIT, SCHEDULE)]
    trace = read(*tasks, line(700, FINISH, index=1), line(800, FINISH, index=2), machines=machines)

    [entry] = trace.prefill()

    assert (entry.hosts.tolist(), entry.run_s.tolist()) == ([1, 0, 1], [OPEN_ENDED, 700.0, 800.0])


def test_what_waits_at_time_0_is_submitted_then(read):
    trace = read(
        line(0, SUBMIT), line(0, SUBMIT, index=1), line(620, SCHEDULE, machine=7), line(630, FINISH),
        line(640, KILL, index=1),
    )  # fmt: skip

    assert submitted(trace) == [("1", 0.0, True, [10.0, 640.0])]


def test_what_is_said_twice_of_time_0_counts_once(read):
    at_0 = [line(0, SUBMIT), line(0, SCHEDULE, machine=7), line(0, SUBMIT, index=1)]
    trace = read(*at_0, *at_0)

    assert [entry.hosts.tolist() for entry in trace.prefill()] == [[0]]
    assert runs(trace) == [OPEN_ENDED]
    assert noted(trace, "say again how a task was") == 3


def test_a_job_that_runs_at_time_0_is_never_new(read):
    trace = read(
        line(0, SUBMIT), line(0, SCHEDULE, machine=7), line(0, SUBMIT, index=1),
        line(650, EVICT), line(650.1, SUBMIT), line(700, SUBMIT, index=2),
    )  # fmt: skip

    assert [(at, first) for _, at, first, _ in submitted(trace)] == [(0.0, False), (650.1, False), (700.0, False)]


@pytest.mark.parametrize("machine", ["", 8, 9], ids=["unnamed", "unknown", "not there yet"])
def test_what_runs_at_time_0_on_a_machine_that_is_not_there_is_left_out_and_counted(read, machine):
    machines = [*MACHINE_7, f"700000000,9,{ADD},platform,1,1"]
    trace = read(line(0, SUBMIT), line(0, SCHEDULE, machine=machine), line(650, KILL), machines=machines)

    assert list(trace.prefill()) == list(trace.arrivals()) == []
    assert noted(trace, "on a machine that is not there") == 1


# ---- Jobs -----------------------------------------------------------------------------------------------------------


def test_containers_submitted_within_a_second_of_one_another_are_one_job(read):
    trace = read(*(line(t, SUBMIT, index=i) for i, t in enumerate((600.0, 600.9, 601.9, 602.900001))))

    assert [(at, first, len(run_s)) for _, at, first, run_s in submitted(trace)] == [
        (600.0, True, 3),
        (602.900001, False, 1),
    ]


def test_jobs_that_are_submitted_together_stay_apart_and_come_in_order_of_their_numbers(read):
    trace = read(line(600, SUBMIT, job=10), line(600, SUBMIT, job=9), line(599, SUBMIT, job=11))

    assert [(job, first) for job, _, first, _ in submitted(trace)] == [("11", True), ("9", True), ("10", True)]


def test_unlike_containers_of_a_job_are_groups_in_order_of_appearance_with_their_own_run_times(read):
    wants = [("0.5", 0), ("0.25", 0), ("0.5", 0), ("0.25", 9)]
    trace = read(
        *(line(600 + i / 10, SUBMIT, index=i, cpu=cpu, priority=p) for i, (cpu, p) in enumerate(wants)),
        *(line(700, SCHEDULE, index=i, cpu=cpu, priority=p, machine=7) for i, (cpu, p) in enumerate(wants)),
        *(line(710 + i, FINISH, index=i) for i in range(4)),
    )

    [(job, run_s, *_)] = trace.arrivals()

    assert [(task.need.cpu_milli, task.priority, count) for task, count in job.groups] == [
        (500_000, 0, 2),
        (250_000, 0, 1),
        (250_000, 9, 1),
    ]
    assert [each.tolist() for each in run_s] == [[10.0, 12.0], [11.0], [13.0]]
    assert job.workload == "service"


def test_a_trace_can_be_read_twice(read):
    trace = read(*BEFORE)

    first, [(_, [run_s], *_)] = submitted(trace), list(trace.arrivals())

    assert submitted(trace) == first
    assert not run_s.flags.writeable
    assert trace.rejects.read == 3


def test_rows_are_counted_anew_for_each_reading(read):
    rejects = Rejects()
    for _ in range(2):
        list(read(*BEFORE, rejects=rejects).arrivals())

    assert rejects.read == 3


# ---- Any life -------------------------------------------------------------------------------------------------------


def walked(history):
    """Walk through one task's history of ``(t, event, cpu)``: what is submitted and what runs at 0, and how long."""
    lives, life = [], None

    def close(t):
        if life is not None:
            lives.append((*life, t))

    for t, event, cpu in history:
        if event == SUBMIT:
            close(t)
            life = (t, None, cpu)
        elif event == SCHEDULE and life is not None and life[1] is None:
            life = (life[0], t, cpu or life[2])
        elif event == SCHEDULE:
            close(t)
            life = (t, t, cpu)
        elif event == UPDATE_PENDING and life is not None and life[1] is None:
            life = (life[0], None, cpu or life[2])
        elif event < UPDATE_PENDING:
            close(t)
            life = None
    close(OPEN_ENDED)
    found = [(at, began, end - (at if began is None else began), cpu) for at, began, cpu, end in lives]
    return (
        sorted((at, run, round(1e6 * cpu)) for at, began, run, cpu in found if began != 0),
        sorted((run, round(1e6 * cpu)) for _, began, run, cpu in found if began == 0),
    )


CPUS = st.sampled_from([0, 0.5, 0.25])
AT_0 = st.sampled_from([[], [SUBMIT], [SUBMIT, SCHEDULE], [SCHEDULE]])
LATER = st.lists(st.tuples(st.sampled_from(range(9)), CPUS), max_size=8)


@settings(max_examples=200, deadline=None)
@given(tasks=st.lists(st.tuples(AT_0, LATER), min_size=1, max_size=3), shuffler=st.randoms(use_true_random=False))
def test_any_history_becomes_the_lives_that_a_plain_walk_finds(tmp_path_factory, tasks, shuffler):
    lines, waits, runs_at_0 = [], [], []
    for index, (at_0, later) in enumerate(tasks):
        history = [(0, event, 0.5) for event in at_0]
        history += [(600 + 10 * step + 2 * index, event, cpu) for step, (event, cpu) in enumerate(later)]
        waiting, running = walked(history)
        waits, runs_at_0 = waits + waiting, runs_at_0 + running
        lines += [line(t, event, index=index, machine=7, cpu=cpu or "", memory="0") for t, event, cpu in history]
    shuffler.shuffle(lines)
    trace = Google2011(folder_of(tmp_path_factory.mktemp("google"), lines or [line(0, KILL)]), Rejects())

    input_found = sorted(
        (job.submit_s, run, group.task.need.cpu_milli)
        for job, run_s, *_ in trace.arrivals()
        for group, each in zip(job.groups, run_s, strict=True)
        for run in each.tolist()
    )
    prefill_found = sorted(
        (run, entry.task.need.cpu_milli) for entry in trace.prefill() for run in entry.run_s.tolist()
    )

    assert (input_found, prefill_found) == (sorted(waits), sorted(runs_at_0))


# ---- Machines -------------------------------------------------------------------------------------------------------


def test_machines_come_in_order_of_first_appearance_and_go_and_change(read):
    hosts = read(
        *BEFORE,
        machines=[
            f"700000000,3,{ADD},platform,0.25,0.5",
            f"0,20,{ADD},platform,1,1",
            f"0,7,{ADD},platform,0.5,0.25",
            f"710000000,7,{REMOVE},platform,0.5,0.25",
            f"720000000,7,{ADD},platform,,",
            f"720000000,20,{UPDATE},platform,0.5,1",
        ],
    ).hosts()

    small, large = Resources(500_000, 250_000_000_000), Resources(500_000, 10**12)
    assert (list(hosts.names), hosts.alive.tolist()) == (["7", "20", "3"], [True, True, False])
    assert hosts.capacity[:3].tolist() == [[500_000, 10**6, 250_000], [25 * 10**10, 10**12, 5 * 10**11], [0, 0, 0]]
    assert list(hosts.events) == [
        HostEvent(700.0, 2, True, Resources(250_000, 5 * 10**11)),
        HostEvent(710.0, 0, False),
        HostEvent(720.0, 0, True, small),
        HostEvent(720.0, 1, True, large),
    ]


def test_a_machine_without_a_size_holds_nothing_until_it_has_one(read):
    trace = read(*BEFORE, machines=[f"0,7,{ADD},platform,,", f"700000000,7,{UPDATE},platform,1,1"])

    hosts = trace.hosts()

    assert (hosts.capacity[:3].tolist(), hosts.alive.tolist()) == ([[0], [0], [0]], [True])
    assert list(hosts.events) == [HostEvent(700.0, 0, True, Resources(10**6, 10**12))]
    assert noted(trace, "never given before") == 1


def test_a_machine_that_is_away_stays_away_when_its_size_changes(read):
    events = [f"0,7,{ADD},p,1,1", f"0,7,{UPDATE},p,0.5,1", f"700000000,7,{REMOVE},p,,", f"710000000,7,{UPDATE},p,1,1"]

    hosts = read(*BEFORE, machines=[*events, f"720000000,7,{ADD},p,,"]).hosts()

    assert hosts.capacity[:3].tolist() == [[500_000], [10**12], [0]]
    assert [event.alive for event in hosts.events] == [False, False, True]
    assert hosts.events[-1].capacity == Resources(10**6, 10**12)


def test_a_machine_that_restarts_at_one_time_is_there_after(read):
    events = [f"0,7,{ADD},p,1,1", f"700000000,7,{ADD},p,1,1", f"700000000,7,{REMOVE},p,1,1"]

    assert [event.alive for event in read(*BEFORE, machines=events).hosts().events] == [False, True]


# ---- What cannot be used --------------------------------------------------------------------------------------------

BAD_LINES = {
    "1 fields instead of 13": "rubbish",
    "12 fields instead of 13": line(600, SUBMIT).rpartition(",")[0],
    "job ID is not a number": line(600, SUBMIT, job="x"),
    "job ID must be a whole number": line(600, SUBMIT, job=""),
    "task index must be a whole number": line(600, SUBMIT, index=0.5),
    "time must be whole microseconds": line(-600, SUBMIT),
    "CPU request must be 0 or more": line(600, SUBMIT, cpu="nan"),
    "memory request must be 0 or more": line(600, SUBMIT, memory="-0.25"),
    "memory request is more than any machine has": line(600, SUBMIT, memory="1e9"),
    "unknown event type": line(600, 9),
}


@pytest.mark.parametrize(("reason", "bad"), BAD_LINES.items(), ids=list(BAD_LINES))
def test_a_bad_line_is_named_or_put_aside(read, reason, bad):
    lines = [line(600, SUBMIT), bad, line(650, SUBMIT, job=2)]

    with pytest.raises(UserError, match=rf"task_events/part-00000-of-00001\.csv:2: {reason}"):
        list(read(*lines).arrivals())

    trace = read(*lines, rejects=skipping())
    assert [job for job, *_ in submitted(trace)] == ["1", "2"]
    assert (trace.rejects.read, trace.rejects.accepted, trace.rejects.rejected) == (4, 3, 1)


def test_a_bad_machine_line_is_named_or_put_aside(read):
    machines = [*MACHINE_7, "0,8,3,platform,1,1"]

    with pytest.raises(UserError, match=r"machine_events/part-00000-of-00001\.csv:2: unknown event type: '3'"):
        read(*BEFORE, machines=machines).hosts()

    assert list(read(*BEFORE, machines=machines, rejects=skipping()).hosts().names) == ["7"]


def test_what_is_not_there_is_named_in_one_line(tmp_path):
    complaints = []
    for make in (
        lambda: (tmp_path / "machine_events").mkdir(),
        lambda: (tmp_path / "machine_events" / "part-00000-of-00001.csv").write_text(f"{MACHINE_7[0]}\n"),
        lambda: (tmp_path / "task_events").mkdir(),
    ):
        make()
        with pytest.raises(UserError) as error:
            Google2011(tmp_path, Rejects()).hosts()
        complaints.append(str(error.value).removeprefix(f"{tmp_path}/"))

    assert complaints == [
        "machine_events: has no part-*.csv.gz",
        "task_events: no such folder",
        "task_events: has no part-*.csv.gz",
    ]


def test_a_part_that_is_cut_off_is_named(read, tmp_path):
    trace = read()
    whole = gzip.compress("".join(f"{line(600 + i, SUBMIT, index=i)}\n" for i in range(5000)).encode())
    cut = tmp_path / "task_events" / "part-00001-of-00002.csv.gz"
    cut.write_bytes(whole[: len(whole) // 2])

    with pytest.raises(UserError, match=str(cut)) as error:
        list(trace.arrivals())
    assert "\n" not in str(error.value)


def test_a_part_that_is_there_plain_and_gzipped_is_not_counted_twice(read, tmp_path):
    trace = read(*BEFORE)
    (tmp_path / "task_events" / "part-00000-of-00001.csv.gz").write_bytes(b"")

    with pytest.raises(UserError, match="twice"):
        trace.files()


def test_a_part_that_is_missing_before_others_is_noted(read, tmp_path):
    trace = read(*BEFORE)
    (tmp_path / "task_events" / "part-00002-of-00500.csv").write_text(f"{line(650, FINISH)}\n")

    assert runs(trace) == [40.0]
    assert any("2 of 500 parts" in note and "part 1 is missing" in note for note in trace.assumptions())


def test_its_folder_is_recognised(read, tmp_path):
    trace = read(*BEFORE)

    assert looks_like(tmp_path)
    assert not looks_like(tmp_path / "task_events")
    assert [path.parent.name for path in trace.files()] == ["machine_events", "task_events"]
