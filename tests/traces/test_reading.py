"""What readers are made of: sorting on disk and in memory, jobs in columns, reference machines, remembered names."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.errors import UserError
from traces.reading import jobs, ordered
from traces.reading.arrays import arrow_of, numpy_of
from traces.reading.late import Window
from traces.reading.reference import reference_named
from traces.reading.seen import Seen
from traces.reading.sniff import first_rows, parts

NUMBERS = st.integers(0, 5).map(float)
BLOCKS = st.lists(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=6), max_size=6)


def batches(blocks):
    number = iter(range(10**6))
    for block in blocks:
        rows = [(a, b, next(number)) for a, b in block]
        columns = [pa.array([row[axis] for row in rows], kind) for axis, kind in enumerate(("f8", "f8", "i8"))]
        yield pa.RecordBatch.from_arrays(columns, names=["a", "b", "number"])


def rows_of(given_blocks):
    return [tuple(row.values()) for block in given_blocks for row in block.to_pylist()]


@settings(max_examples=25, deadline=None)
@given(BLOCKS, st.sampled_from([0, 10, 1000]))
def test_rows_are_sorted_alike_in_memory_and_on_disk(blocks, in_memory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ordered, "IN_MEMORY", in_memory)

        got = rows_of(ordered.ordered(batches(blocks), ["a", "b"]))

    # Python's sort is stable.
    assert got == sorted(rows_of(batches(blocks)), key=lambda row: row[:2])


def test_a_block_without_rows_before_others_does_not_disturb_the_sorting_on_disk(monkeypatch):
    monkeypatch.setattr(ordered, "IN_MEMORY", 1)

    got = rows_of(ordered.ordered(batches([[], [(2.0, 0.0)], [(1.0, 0.0)], []]), ["a"]))

    assert [a for a, *_ in got] == [1.0, 2.0]


def test_an_error_in_the_rows_comes_through_the_sorting(monkeypatch):
    monkeypatch.setattr(ordered, "IN_MEMORY", 0)

    def broken():
        yield from batches([[(1.0, 1.0)]])
        raise UserError("a.csv:2: no row")

    with pytest.raises(UserError, match=r"a\.csv:2: no row"):
        list(ordered.ordered(broken(), ["a"]))


@given(BLOCKS, st.integers(1, 8))
def test_a_window_gives_everything_in_order_but_what_is_too_late(blocks, rows):
    window, refused = Window("a", rows), []

    def punctual():
        for block in batches(blocks):
            late = numpy_of(block["a"]) < window.handed_on
            refused.extend(rows_of([block.filter(arrow_of(late))]))
            yield block.filter(arrow_of(~late))

    got = rows_of(window.sorted(punctual()))

    assert [row[0] for row in got] == sorted(row[0] for row in got)
    assert sorted(got + refused, key=lambda row: row[2]) == rows_of(batches(blocks))
    if sum(map(len, blocks)) <= rows:
        assert not refused


def test_columns_that_nobody_gave_are_the_defaults_of_the_native_format():
    [arrival] = jobs.arrivals(
        [jobs.block(1, submit_s=1.0, job=["a"], duration_s=2.0, cpu_milli=np.array([500]), memory_bytes=7)]
    )

    assert (arrival.job.workload, arrival.job.tasks, arrival.job.estimate_s, arrival.behaviours) == (
        "batch",
        1,
        None,
        (),
    )


def test_what_containers_use_beside_cpu_is_as_asked_for_or_nothing():
    use = np.array([0.25, np.nan])
    a, b = jobs.arrivals(
        [jobs.block(2, submit_s=0.0, job=["a", "b"], duration_s=1.0, cpu_milli=1000, memory_bytes=9, cpu_cores=use)]
    )

    [[phase]] = a.behaviours
    assert (phase.demand.cpu_cores, phase.demand.memory_bytes, phase.demand.disk_read_bps) == (0.25, 9.0, 0.0)
    assert b.behaviours == ()


def test_groups_of_a_job_are_found_across_blocks():
    def rows(job, cpu_milli):
        return jobs.block(
            len(job), submit_s=0.0, job=job, duration_s=1.0, cpu_milli=np.array(cpu_milli), memory_bytes=1
        )

    got = list(jobs.arrivals([rows(["a", "b"], [1, 2]), rows([], []), rows(["b", "b"], [3, 4]), rows(["c"], [5])]))

    assert [(one.job.id, [group.task.need.cpu_milli for group in one.job.groups]) for one in got] == [
        ("a", [1]),
        ("b", [2, 3, 4]),
        ("c", [5]),
    ]


@given(st.lists(st.text()), st.text())
def test_names_are_remembered(names, other):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("traces.reading.seen.FRESH", 3)
        seen = Seen()
        for name in names:
            seen.add([name])

        assert all(name in seen for name in names)
        assert (other in seen) == (other in names)


@pytest.mark.parametrize("text", ["", "64", "x:1GiB", "-1:1GiB", "0:1GiB", "inf:1GiB", "4:", "4:0", "4:x", "no"])
def test_what_is_no_reference_machine_is_an_error(text):
    with pytest.raises(UserError, match=r"reference machine|size"):
        reference_named(text)


def test_parts_of_a_table_are_found_in_order_of_their_numbers(tmp_path):
    for name in ("usage-10.csv", "usage-2.csv.gz", "usage.csv", "usages.csv", "usage-1.txt", "usage_meta.csv"):
        (tmp_path / name).touch()

    assert [path.name for path in parts(tmp_path, "usage")] == ["usage.csv", "usage-2.csv.gz", "usage-10.csv"]
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "part-00000-of-00500.csv.gz").touch()
    assert len(parts(tmp_path, "events")) == 1
    assert parts(tmp_path / "usage.csv", "whatever") == [tmp_path / "usage.csv"]


@pytest.mark.parametrize("content", [b"", b"\0\1", b"PAR1" + b"x" * 9, b"\x1f\x8bno", b"\xff\xfe"])
def test_what_is_no_text_has_no_rows(tmp_path, content):
    path = tmp_path / "x"
    path.write_bytes(content)

    assert first_rows(path) == []
    assert first_rows(tmp_path / "none") == []
