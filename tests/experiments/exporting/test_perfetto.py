"""A run as a trace keeps the format's rules, and tells of everything that happened once.

The checker of the format shares no code with what writes it. Its rules are those of the document "Trace Event Format",
and of Perfetto where that is stricter.
"""

import gzip
import json
import math
import tracemalloc
from collections import Counter, defaultdict
from itertools import pairwise

import pytest

from experiments.exporting.perfetto import write_trace
from experiments.exporting.tables import write_tables
from experiments.results.frames import Frames
from experiments.results.study import Detail, Study
from experiments.running.runner import run_study

REQUIRED = {
    "X": {"name", "cat", "pid", "tid", "ts", "dur"},
    "i": {"name", "cat", "pid", "tid", "ts", "s"},
    "C": {"name", "pid", "ts", "args"},
    "M": {"name", "pid", "args"},
    "s": {"name", "cat", "id", "pid", "tid", "ts"},
    "f": {"name", "cat", "id", "pid", "tid", "ts", "bp"},
}
METADATA = {"process_name": "name", "thread_name": "name", "process_sort_index": "sort_index",
            "thread_sort_index": "sort_index"}  # fmt: skip


def not_json(text):
    raise ValueError(f"{text} is no JSON")


def complaints(text):
    """Everything that is wrong with a trace."""
    try:
        whole = json.loads(text, parse_constant=not_json)
    except ValueError as error:
        return [str(error)]
    events = whole["traceEvents"]
    said = [] if whole.get("displayTimeUnit") in ("ms", "ns") else ["displayTimeUnit"]
    said += [f"event {n} {what}: {event}" for n, event in enumerate(events) for what in wrong_alone(event)]
    return said or [*wrong_names(events), *wrong_slices(events), *wrong_flows(events), *wrong_counters(events)]


def wrong_alone(event):
    phase = event.get("ph")
    if phase not in REQUIRED:
        return ["has an unknown phase"]
    said = [f"lacks {name}" for name in REQUIRED[phase] - event.keys()]
    said += [f"{name} is no number of a process or thread" for name in ("pid", "tid")
             if name in event and not (isinstance(event[name], int) and 0 < event[name] < 2**31)]  # fmt: skip
    said += [f"{name} is no time" for name in ("ts", "dur")
             if name in event and not (isinstance(event[name], int | float) and 0 <= event[name] < 2**53)]  # fmt: skip
    if phase == "i" and event.get("s") not in ("t", "p", "g"):
        said.append("has an unknown scope")
    if phase == "f" and event.get("bp") != "e":
        said.append("is not bound to the slice around it")
    if phase == "M" and METADATA.get(event.get("name")) not in event.get("args", {}):
        said.append("is no metadata that viewers know")
    if phase == "C" and not (
        event.get("args") and all(isinstance(v, int | float) and math.isfinite(v) for v in event["args"].values())
    ):
        said.append("counts something that is no number")
    return said


def wrong_names(events):
    """A process and a thread have one name each, before or after their events; a thread is of one process."""
    named = Counter((e["name"], e["pid"], e.get("tid")) for e in events if e["ph"] == "M")
    said = [f"{what} twice" for what, count in named.items() if count > 1]
    whose = {}
    for event in events:
        if ("process_name", event["pid"], None) not in named:
            said.append(f"process {event['pid']} has no name")
        if "tid" in event:
            if whose.setdefault(event["tid"], event["pid"]) != event["pid"]:
                said.append(f"thread {event['tid']} is of two processes")
            if ("thread_name", event["pid"], event["tid"]) not in named:
                said.append(f"thread {event['tid']} has no name")
    return said + [f"thread {tid} has the number of a process" for tid in whose if tid in set(whose.values())]


def slices_by_thread(events):
    threads = defaultdict(list)
    for place, event in enumerate(events):
        if event["ph"] == "X":
            threads[event["tid"]].append((event["ts"], event["ts"] + event["dur"], place, event))
    return threads


def wrong_slices(events):
    """Slices of one thread nest or are disjoint, and of two that begin together the outer one stands first."""
    said = []
    for tid, slices in slices_by_thread(events).items():
        open_until = []
        for begin, end, _, event in sorted(slices, key=lambda one: (one[0], one[2])):
            while open_until and open_until[-1] <= begin:
                open_until.pop()
            if open_until and end > open_until[-1]:
                said.append(f"thread {tid}: a slice crosses the end of the one it is in: {event}")
            open_until.append(end)
    return said


def wrong_flows(events):
    """An arrow goes once from within a slice to the beginning of another, not back in time."""
    said = []
    begins = {(e["cat"], e["name"], e["id"]): e for e in events if e["ph"] == "s"}
    ends = {(e["cat"], e["name"], e["id"]): e for e in events if e["ph"] == "f"}
    if len(begins) + len(ends) != sum(e["ph"] in "sf" for e in events):
        said.append("an arrow has two beginnings or ends")
    said += [f"half an arrow: {arrow}" for arrow in begins.keys() ^ ends.keys()]
    around = defaultdict(set)
    for tid, slices in slices_by_thread(events).items():
        around[tid] = {(begin, end) for begin, end, _, _ in slices}
    wanted = defaultdict(list)
    for event in [*begins.values(), *ends.values()]:
        wanted[event["tid"]].append(event)
    for tid, some in wanted.items():
        moments = sorted(around[tid])
        for event in some:
            if not any(begin <= event["ts"] < end or begin == event["ts"] == end for begin, end in moments):
                said.append(f"an arrow in no slice: {event}")
    said += [f"an arrow back in time: {arrow}" for arrow in begins.keys() & ends.keys()
             if begins[arrow]["ts"] > ends[arrow]["ts"]]  # fmt: skip
    return said


def wrong_counters(events):
    last, said = {}, []
    for event in events:
        if event["ph"] == "C":
            counter = event["pid"], event["name"]
            if event["ts"] < last.get(counter, 0):
                said.append(f"counter {counter} goes back in time")
            last[counter] = event["ts"]
    return said


# --- the checker itself

GOOD = [
    {"ph": "M", "name": "process_name", "pid": 1, "args": {"name": "a"}},
    {"ph": "M", "name": "thread_name", "pid": 1, "tid": 7, "args": {"name": "b"}},
    {"ph": "X", "name": "x", "cat": "c", "pid": 1, "tid": 7, "ts": 0, "dur": 5},
    {"ph": "X", "name": "y", "cat": "c", "pid": 1, "tid": 7, "ts": 0, "dur": 2},
    {"ph": "X", "name": "z", "cat": "c", "pid": 1, "tid": 7, "ts": 5, "dur": 0.5},
    {"ph": "i", "name": "n", "cat": "c", "pid": 1, "tid": 7, "ts": 9, "s": "t"},
    {"ph": "C", "name": "k", "pid": 1, "ts": 9, "args": {"v": 1}},
    {"ph": "s", "name": "n", "cat": "c", "pid": 1, "tid": 7, "ts": 4, "id": 1},
    {"ph": "f", "name": "n", "cat": "c", "pid": 1, "tid": 7, "ts": 5, "id": 1, "bp": "e"},
]
SPOILT = {
    "a phase that nobody knows": (2, {"ph": "Q"}),
    "no duration": (2, {"dur": None}),
    "a time before the beginning": (5, {"ts": -1}),
    "slices that cross": (4, {"ts": 4}),
    "an inner slice that stands first": (2, {"dur": 1}),
    "a thread of two processes": (3, {"pid": 2}),
    "a thread without a name": (5, {"tid": 8}),
    "a name twice": (1, GOOD[0]),
    "a process 0": (5, {"pid": 0}),
    "a counter of words": (6, {"args": {"v": "1"}}),
    "an arrow without an end": (8, {"id": 2}),
    "an arrow from nowhere": (7, {"ts": 9}),
    "an instant of no scope": (5, {"s": "x"}),
    "no number": (6, {"args": {"v": math.nan}}),
}


def as_text(events):
    return json.dumps({"displayTimeUnit": "ms", "traceEvents": events})


def test_the_checker_finds_nothing_wrong_with_a_good_trace():
    assert complaints(as_text(GOOD)) == []


@pytest.mark.parametrize("spoilt", SPOILT)
def test_the_checker_finds(spoilt):
    place, change = SPOILT[spoilt]

    changed = [*GOOD[:place], GOOD[place] | change, *GOOD[place + 1 :]]

    assert complaints(as_text(changed))


# --- what is written


class Exported:
    """A run and its trace."""

    def __init__(self, frames, key, path):
        self.frames, self.key, self.path = frames, key, path
        self.written = write_trace(frames, key, path)
        self.text = path.read_text(encoding="ascii")
        self.events = json.loads(self.text)["traceEvents"]
        self.metrics = frames.results.finished()[key].metrics
        self.log = frames.log(key)

    def slices(self, *categories):
        return [e for e in self.events if e["ph"] == "X" and e["cat"] in categories]

    def instants(self, *names):
        return [e for e in self.events if e["ph"] == "i" and e["cat"] in names]

    def rows(self, *events):
        return self.log[self.log["event"].isin(events)]

    def counter(self, name):
        return [(e["ts"], e["args"]) for e in self.events if e["ph"] == "C" and e["name"] == name]


@pytest.fixture(scope="session")
def exported(frames, tmp_path_factory):
    return Exported(frames, frames.runs[0], tmp_path_factory.mktemp("trace") / "run.json")


ENDS = {"finished": "tasks_finished", "preempted": "tasks_preempted", "out_of_memory": "tasks_out_of_memory",
        "failed": "tasks_failed"}  # fmt: skip


def test_a_trace_keeps_the_rules_of_the_format(exported):
    assert complaints(exported.text) == []


def test_every_container_that_was_placed_is_one_slice(exported):
    ended = Counter(e["args"]["ended"] for e in exported.slices("container"))

    assert ended.total() == exported.metrics["tasks_scheduled"]
    assert {name: ended[name] for name in ENDS} == {name: exported.metrics[m] for name, m in ENDS.items()}
    assert ended["still there"] == exported.metrics["tasks_running"]
    assert len(exported.slices("prefilled")) == exported.rows("prefilled")["tasks"].sum()


def test_slices_are_as_long_as_containers_ran(exported):
    starts = {(e["tid"], e["ts"]): e["dur"] for e in exported.slices("start")}
    ran_s = Counter()
    for event in exported.slices("container"):
        start = starts.get((event["tid"], event["ts"]), 0)
        # One that ended on its way is told by how long that was.
        ran_s[event["args"]["ended"]] += (event["dur"] - start * (start < event["dur"])) / 1e6
    early_s = sum(seconds for how, seconds in ran_s.items() if how not in ("finished", "still there"))
    ended = exported.rows("finished")
    ended = ended[ended["scheduler"] != ""]
    rounding_s = 2e-6 * (1 + exported.metrics["tasks_scheduled"])

    assert ran_s["finished"] == pytest.approx((ended["tasks"] * ended["seconds"]).sum(), abs=rounding_s)
    assert early_s == pytest.approx(exported.metrics["lost_container_s"], abs=rounding_s)


def test_what_still_runs_is_closed_where_the_run_ends(exported):
    ends = {
        e["ts"] + e["dur"] for e in exported.slices("container", "prefilled") if e["args"]["ended"] == "still there"
    }

    assert ends <= {round(1e6 * exported.metrics["horizon_s"])}


def test_a_host_has_as_many_lanes_as_it_ever_had_containers(exported):
    lanes, changes = defaultdict(set), defaultdict(list)
    for event in exported.slices("container", "prefilled"):
        lanes[event["pid"]].add(event["tid"])
        changes[event["pid"]] += [(event["ts"], 1), (event["ts"] + event["dur"], -1)]
    most = {}
    for pid, some in changes.items():
        there = most[pid] = 0
        for _, change in sorted(some):
            there += change
            most[pid] = max(most[pid], there)

    assert {pid: len(some) for pid, some in lanes.items()} == most


def test_slowdowns_are_those_of_the_summary(exported):
    slowdowns = [e["args"]["slowdown"] for e in exported.slices("container") if e["args"]["ended"] == "finished"]
    mean = exported.metrics["slowdown_mean"]

    assert (sum(slowdowns) / len(slowdowns) if slowdowns else None) == (
        mean if mean is None else pytest.approx(mean, rel=1e-5)
    )


def test_every_attempt_is_one_slice_of_its_scheduler(exported):
    thought, names = Counter(), {e["tid"]: e["args"]["name"] for e in exported.events if e.get("name") == "thread_name"}
    for event in exported.slices("decision"):
        thought[names[event["tid"]].rpartition("/")[0]] += event["dur"] / 1e6
    members = Counter(name.rpartition("/")[0] for name in set(exported.rows("scheduler")["scheduler"]))
    horizon_s = exported.metrics["horizon_s"]

    assert len(exported.slices("decision")) == len(exported.rows("attempted"))
    for group, count in members.items():
        assert thought[group] / count / horizon_s == pytest.approx(exported.metrics[f"busyness.{group}"], abs=1e-5)


def test_conflicts_are_a_track_of_their_own(exported):
    threads = {e["args"]["name"]: e["tid"] for e in exported.events if e.get("name") == "thread_name"}
    track = [e for e in exported.instants("conflicted") if e["tid"] == threads.get("conflicts")]
    of = {name: value for name, value in exported.metrics.items() if name.startswith("conflicted_")}

    assert len(track) == sum(value for name, value in of.items() if name.startswith("conflicted_transactions."))
    assert sum(e["args"]["conflicted"] for e in track) == sum(
        value for name, value in of.items() if name.startswith("conflicted_claims.")
    )


def test_what_happens_to_hosts_and_early_ends_are_instants_there(exported):
    told = Counter(e["name"] for e in exported.instants("killed", "preempted", "out_of_memory", "host_lost"))

    assert told == Counter(exported.rows("killed", "preempted", "out_of_memory", "host_lost")["event"].astype(str))
    assert all(e["pid"] > 2 for e in exported.instants("killed", "host_lost", "host_joined"))


def test_an_arrow_goes_from_each_decision_to_every_host_it_chose(exported):
    decisions = {(e["args"]["decision"], e["pid"]) for e in exported.slices("container")}

    assert len([e for e in exported.events if e["ph"] == "s"]) == len(decisions)


def test_where_arrows_would_be_most_of_the_file_there_are_none_and_that_is_said(made, tmp_path, monkeypatch):
    monkeypatch.setattr("experiments.exporting.perfetto.ARROW_ROWS", 10)
    frames = made("plain")

    exported = Exported(frames, frames.runs[0], tmp_path / "run.json")

    assert not {"s", "f"} & {e["ph"] for e in exported.events}
    assert all("decision" in e["args"] for e in exported.slices("container"))
    assert "no arrows" in exported.written.notes[0]
    assert complaints(exported.text) == []


def test_counters_end_as_the_summary_says(exported):
    containers = exported.counter("containers with a host")[-1][1]["containers"]
    there = exported.slices("container", "prefilled")

    assert containers == sum(e["args"]["ended"] == "still there" for e in there)
    assert sum(exported.counter("jobs with containers to place")[-1][1].values()) == (
        len(exported.rows("submitted")) - len(exported.rows("abandoned"))
        - len(exported.rows("committed", "conflicted").query("remaining == 0"))
    )  # fmt: skip


def test_the_counter_of_allocation_has_the_mean_of_the_summary(exported):
    points = exported.counter("cpu allocated, share of capacity")
    horizon_us = 1e6 * exported.metrics["horizon_s"]
    area = sum((after - at) * args["share"] for (at, args), (after, _) in pairwise(points))

    # A grid of 20,000 steps is finer than what a cell of few hosts does, and six digits are written.
    assert area / horizon_us == pytest.approx(exported.metrics["cpu_allocated_mean"], abs=2e-3)


def test_without_hosts_in_the_log_there_are_schedulers_and_counters(made, tmp_path):
    frames = made("lost hosts", Detail.JOBS)

    exported = Exported(frames, frames.runs[0], tmp_path / "run.json")

    assert complaints(exported.text) == []
    assert {e["pid"] for e in exported.events} == {1, 2}
    assert len(exported.slices("decision")) == len(exported.rows("attempted"))
    assert exported.counter("containers with a host")[-1][1]["containers"] == exported.metrics["tasks_running"]
    assert "--detail tasks" in exported.written.notes[0]


def test_hosts_have_the_names_of_their_file(made, tmp_path):
    frames = made("lost hosts")

    exported = Exported(frames, frames.runs[0], tmp_path / "run.json")

    names = {e["pid"]: e["args"]["name"] for e in exported.events if e["name"] == "process_name"}
    assert {name for pid, name in names.items() if pid > 2} == {f"h{n}" for n in range(5)}
    assert all(names[pid] == f"h{pid - 3}" for pid in names if pid > 2)


def test_zipped_it_is_the_same_text_and_always_the_same_bytes(made, tmp_path):
    frames = made("starts")
    plain = Exported(frames, frames.runs[0], tmp_path / "run.json")
    once, again = tmp_path / "once.json.gz", tmp_path / "again.json.gz"

    for path in (once, again):
        write_trace(frames, frames.runs[0], path)

    assert gzip.decompress(once.read_bytes()).decode() == plain.text
    assert once.read_bytes() == again.read_bytes()


@pytest.mark.slow
def test_memory_does_not_grow_with_a_run(tmp_path):
    """Three times as many containers, as many of them at a time."""
    peaks = []
    for jobs in (2_000, 6_000):
        trace, folder = tmp_path / f"{jobs}.csv", tmp_path / f"out{jobs}"
        trace.write_text(
            "job,submit_s,workload,tasks,duration_s,cpus,memory_bytes\n"
            + "".join(f"j{n},{n},batch,5,{20 + n % 60},1,1000\n" for n in range(jobs))
        )
        run_study(
            Study(trace=str(trace), hosts="50", architectures=("monolithic",), policies=("random-first-fit",),
                  t_job_s=0.01, detail=Detail.TASKS),
            folder,
        )  # fmt: skip
        frames = Frames(folder)
        frames.rows(frames.runs[0])  # what is loaded once is no growth
        tracemalloc.start()
        try:
            written = write_trace(frames, frames.runs[0], tmp_path / "run.json.gz")
            write_tables(frames, frames.runs, tmp_path / "tables", "parquet")
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        assert written.containers == 5 * jobs

    # What is held as columns, and what is looked up, grows a little; rows do not.
    assert peaks[1] < 1.5 * peaks[0]
