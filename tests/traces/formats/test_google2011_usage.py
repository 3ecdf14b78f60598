"""What tasks of Google's trace used: which window is whose, and what it means on a disk."""

import csv
import gzip
from collections import defaultdict

import numpy as np
import pytest

from policies.errors import UserError
from policies.requests import Demand
from policies.sharing import DISKS, device_time, interleaved
from traces.formats import open_trace
from traces.formats.google2011 import Google2011
from traces.reading.options import ReadOptions
from traces.reading.rejects import Rejects

SUBMIT, SCHEDULE, FINISH = 0, 1, 4


def event(t, kind, *, job=1, index=0, cpu="0.5", memory="0.25"):
    machine = 7 if kind == SCHEDULE else ""
    return f"{round(t * 1e6)},,{job},{index},{machine},{kind},user,0,0,{cpu},{memory},,0"


def window(start, end, *, job=1, index=0, cpu="0.25", memory="0.125", disk="0.5"):
    return f"{start}000000,{end}000000,{job},{index},7,{cpu},{memory},,,,,{disk},,,,,,,0,"


def life(begin, end, **task):
    return [event(begin, SUBMIT, **task), event(begin, SCHEDULE, **task), event(end, FINISH, **task)]


@pytest.fixture
def read(tmp_path):
    def read(events, windows, *, usage=True):
        for name, lines in (
            ("task_events", events), ("machine_events", ["0,7,0,platform,1,1"]), ("task_usage", windows)
        ):  # fmt: skip
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / "part-00000-of-00001.csv").write_text("".join(f"{text}\n" for text in lines))
        return Google2011(tmp_path, Rejects(), ReadOptions(usage=usage))

    return read


def uses(trace):
    """What each container uses, job after job; None where nobody knows."""
    return [
        behaviour and behaviour[0].demand
        for arrival in trace.arrivals()
        for group, behaviour in zip(arrival.job.groups, arrival.each_behaviour(), strict=True)
        for _ in range(group.count)
    ]


def noted(trace, words):
    return sum(int(note.rpartition(": ")[2].replace(",", "")) for note in trace.assumptions() if words in note)


def disk_time(demand):
    return float(device_time(*demand[2:6], DISKS["HDD"]))


def test_a_container_uses_what_was_measured_of_its_task(read):
    [use] = uses(read(life(600, 900), [window(600, 900)]))

    assert (use.cpu_cores, use.memory_bytes) == (250.0, 0.125e12)
    assert disk_time(use) == pytest.approx(0.5, rel=1e-12)


def test_measured_disk_time_stays_what_it_is_whoever_else_uses_the_disk(read):
    [use] = uses(read(life(600, 900), [window(600, 900, disk="0.25")]))

    beside = interleaved(use.random_io, 9, DISKS["HDD"])
    assert float(device_time(use.disk_read_bps, 0.0, use.io_size_bytes, beside, DISKS["HDD"])) == pytest.approx(0.25)


def test_several_windows_count_as_long_as_they_are(read):
    [use] = uses(read(life(600, 1300), [window(600, 900, cpu="0.1"), window(1200, 1300, cpu="0.5")]))

    assert use.cpu_cores == pytest.approx(200.0)


def test_a_window_counts_as_far_as_the_container_ran_in_it(read):
    events = [*life(700, 800), event(850, SUBMIT), event(850, SCHEDULE), event(950, FINISH)]
    windows = [window(600, 800, cpu="0.1"), window(840, 900, cpu="0.2"), window(900, 1200, cpu="0.3")]

    first, second = uses(read(events, windows))

    assert first.cpu_cores == pytest.approx(100.0)
    assert second.cpu_cores == pytest.approx(250.0)


def test_what_ended_while_it_waited_used_nothing_of_what_its_task_did_later(read):
    events = [event(600, SUBMIT), event(610, FINISH), *life(650, 900)]

    assert [use and use.cpu_cores for use in uses(read(events, [window(600, 900)]))] == [None, 250.0]


def test_containers_of_a_job_use_what_each_does_and_those_of_which_nobody_knows_stay_together(read):
    events = [text for index in range(4) for text in life(600, 900, index=index)]
    trace = read(events, [window(600, 900, index=2, cpu="0.3"), window(600, 900, index=0, cpu="0.1")])

    [arrival] = trace.arrivals()

    each = zip(arrival.job.groups, arrival.behaviours, strict=True)
    assert [(group.count, use and use[0].demand.cpu_cores) for group, use in each] == [(1, 100), (2, None), (1, 300)]
    assert (noted(trace, "use what was measured"), noted(trace, "nothing was measured")) == (2, 2)


def test_what_runs_at_the_beginning_uses_what_was_measured_too(read):
    trace = read([event(0, SCHEDULE), event(900, FINISH)], [window(600, 900)])

    [recorded] = trace.prefill()

    assert recorded.behaviour[0].demand.cpu_cores == 250.0


def test_windows_of_nobody_are_ignored_and_counted(read):
    events = [*life(600, 700), event(800, SUBMIT, job=3)]
    windows = [window(700, 900), window(500, 600), window(600, 900, job=2), window(600, 900, index=1),
               window(600, 900, job=3), window(600, 900, job=0)]  # fmt: skip
    trace = read(events, windows)

    assert uses(trace) == [None, None]
    assert noted(trace, "did not run then") == 6


def test_what_was_not_measured_is_as_asked_for_or_nothing(read):
    windows = [window(600, 900, cpu="0.1", memory=""), window(900, 1200, cpu="0.3", memory="", disk="")]
    trace = read([*life(600, 1200), *life(600, 1200, job=2)], [*windows, window(600, 1200, job=2, cpu="", disk="")])

    some, other = uses(trace)

    assert (some.cpu_cores, some.memory_bytes) == (pytest.approx(200.0), 0.25e12)
    assert disk_time(some) == pytest.approx(0.5)
    assert other[:4] == (500.0, 0.125e12, 0.0, 0.0)
    assert noted(trace, "without a disk I/O time") == 2


def test_a_window_in_which_nothing_was_measured_says_nothing(read):
    assert uses(read(life(600, 900), [window(600, 900, cpu="", memory="", disk="")])) == [None]


def test_usage_is_not_read_where_nobody_wants_it_or_it_is_not_there(read, tmp_path):
    trace = read(life(600, 900), ["no line of anything"], usage=False)

    assert uses(trace) == [None]
    assert "task_usage is not used" in trace.assumptions()
    assert not any("task_usage" in str(path) for path in trace.files())
    for path in (tmp_path / "task_usage").iterdir():
        path.unlink()
    (tmp_path / "task_usage").rmdir()
    assert uses(open_trace(str(tmp_path), Rejects(), options=ReadOptions(usage=True))) == [None]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (window(900, 900), "end time must be later than start time"),
        (window(600, 900, cpu="-1"), "CPU rate must be 0 or more"),
        (window(600, 900, memory="1e9"), "canonical memory usage must be 0 or more, and possible"),
        (window(600, 900, disk="nan"), "disk I/O time must be 0 or more"),
        (window(600, 900, index="x"), "task index is not a number"),
    ],
)
def test_a_line_that_cannot_be_is_an_error_with_its_number(read, bad, reason):
    with pytest.raises(UserError, match=rf"part-00000-of-00001\.csv:2: {reason}"):
        uses(read(life(600, 900), [window(600, 900), bad]))


# --- the real piece


def test_the_real_windows_are_of_tasks_that_run_and_add_up(traces_dir):
    folder = traces_dir / "google2011"
    trace = open_trace(f"google2011:{folder}", Rejects(), options=ReadOptions(usage=True))
    demands: list[Demand] = [recorded.behaviour[0].demand for recorded in trace.prefill() if recorded.behaviour]
    demands += [use for use in uses(trace) if use]
    expected = defaultdict(float)
    with gzip.open(next((folder / "task_usage").iterdir()), "rt") as file:
        for row in csv.reader(file):
            for name, column in (("cpu", 5), ("memory", 6), ("disk", 11)):
                expected[name] += float(row[column])

    assert noted(trace, "use what was measured") == 6000 - noted(trace, "did not run then")
    assert len(demands) > 5900
    assert sum(use.cpu_cores for use in demands) / 1000 == pytest.approx(expected["cpu"], rel=0.02)
    assert sum(use.memory_bytes for use in demands) / 1e12 == pytest.approx(expected["memory"], rel=0.02)
    assert np.sum([disk_time(use) for use in demands]) == pytest.approx(expected["disk"], rel=0.02)
