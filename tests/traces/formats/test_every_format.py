"""What is true of every reader of traces, whatever is in the files; a new one joins with a file in ``specimens/``.

A specimen is a small data set in the true layout, with rows of every kind; here its files are spoilt in many ways. What
comes of it is either an error of one line or a trace of which every row was accepted or rejected.
"""

import csv
import gzip
import runpy
import shutil
import tempfile
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.errors import UserError
from traces.formats import RECORDED, open_trace
from traces.formats.registry import _module
from traces.reading.options import ReadOptions
from traces.reading.rejects import OnBadRow, Rejects

SPECIMENS = {
    path.stem: runpy.run_path(str(path)) for path in sorted((Path(__file__).parent / "specimens").glob("*.py"))
}
EVERYTHING = ReadOptions(usage=True)
#: More than a specimen has jobs, whatever number is put into it.
MOST = 200_000

every_format = pytest.mark.parametrize("name", SPECIMENS)


def opened(name, path, on_bad_row=OnBadRow.STOP, file=None):
    return open_trace(f"{name}:{path}", Rejects(on_bad_row, file), options=EVERYTHING)


def flat(arrival):
    run_s = tuple(tuple(np.ravel(one)) for one in arrival.run_s)
    job = arrival.job
    return (job.id, job.submit_s, job.workload, job.groups, job.user, job.estimate_s, run_s, arrival.behaviours,
            arrival.after, arrival.workflow)  # fmt: skip


def everything(trace):
    """Read all that a trace has, as a run does."""
    hosts = trace.hosts()
    trace.end_s()
    prefill = [*trace.prefill(), *trace.prefill_anywhere()]
    arrivals = list(islice(trace.arrivals(), MOST))
    assert len(arrivals) < MOST
    return hosts, prefill, arrivals, trace.assumptions()


def test_every_format_has_a_specimen():
    assert set(RECORDED) == set(SPECIMENS)


@every_format
def test_a_specimen_is_recognised_and_taken_for_nothing_else(name, tmp_path):
    path = SPECIMENS[name]["write"](tmp_path)

    assert open_trace(str(path), Rejects()).format == name
    assert [other for other in RECORDED if other != "native" and _module(other).looks_like(path)] == (
        [] if name == "native" else [name]
    )


@every_format
def test_its_jobs_come_in_order_and_can_be_run(name, tmp_path):
    trace = opened(name, SPECIMENS[name]["write"](tmp_path))

    hosts, prefill, arrivals, notes = everything(trace)

    assert arrivals
    times = [arrival.job.submit_s for arrival in arrivals]
    assert times == sorted(times)
    assert all(0 <= at < np.inf for at in times)
    above = {getattr(entry, "job", None) for entry in prefill}
    for arrival in arrivals:
        assert set(arrival.after) <= above, "comes after a job that does not come before it"
        above.add(arrival.job.id)
        assert arrival.job.id
        assert arrival.job.workload
        assert len(arrival.job.groups) == len(arrival.run_s)
        for (task, count), run_s, behaviour in zip(
            arrival.job.groups, arrival.run_s, arrival.each_behaviour(), strict=True
        ):
            assert count >= 1
            assert all(isinstance(amount, int) and amount >= 0 for amount in task.need)
            assert np.size(run_s) in (1, count)
            assert (np.asarray(run_s) >= 0).all()
            if behaviour is not None:
                assert sum(phase.share for phase in behaviour) == pytest.approx(1)
                assert all(np.isfinite(phase.demand).all() and min(phase.demand) >= 0 for phase in behaviour)
    if hosts is not None:
        assert (hosts.capacity >= 0).all()
        assert len(set(hosts.names)) == len(hosts)
    assert all(note and note.isprintable() for note in notes)


@every_format
def test_it_is_read_alike_as_often_as_one_likes_and_every_row_is_counted(name, tmp_path):
    trace = opened(name, SPECIMENS[name]["write"](tmp_path), OnBadRow.SKIP)

    first = [flat(arrival) for arrival in trace.arrivals()]
    counts = trace.rejects.read, trace.rejects.accepted, trace.rejects.rejected
    again = [flat(arrival) for arrival in trace.arrivals()]

    assert first == again
    assert counts == (trace.rejects.read, trace.rejects.accepted, trace.rejects.rejected)
    assert counts[0] == counts[1] + counts[2] > 0


@every_format
def test_it_says_what_it_is_and_on_which_terms(name, tmp_path):
    trace = opened(name, SPECIMENS[name]["write"](tmp_path))

    for line in (trace.dataset, trace.licence, trace.credit):
        assert line or name == "native"
        assert "\n" not in line
    assert all(path.is_file() for path in trace.files())


@pytest.mark.parametrize("name", [name for name, one in SPECIMENS.items() if one.get("GZIPPED", True)])
def test_gzipped_files_say_the_same(name, tmp_path):
    plain = SPECIMENS[name]["write"](tmp_path / "plain") if (tmp_path / "plain").mkdir() is None else None
    zipped = tmp_path / "zipped"
    shutil.copytree(tmp_path / "plain", zipped)
    for file in [file for file in zipped.rglob("*") if file.is_file() and file.suffix != ".gz"]:
        file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    path = zipped / plain.relative_to(tmp_path / "plain")
    path = path if path.exists() else path.with_name(f"{path.name}.gz")

    assert [flat(a) for a in opened(name, path).arrivals()] == [flat(a) for a in opened(name, plain).arrivals()]
    assert open_trace(str(path), Rejects()).format == name


# --- files that are spoilt

VALUES = ["", "nan", "inf", "-inf", "1e400", "1e300", "9" * 30, str(2**63), "-1", "0", "x", "1_0", "0x10", "null", "{}",
          "true", "é", '"', "[1]", "1;2", "task_", "M1_1", "0.5"]  # fmt: skip


@st.composite
def spoilt(draw, data):
    """Spoil the content of a file."""
    kind = draw(st.sampled_from(["field", "field", "field", "field", "cut", "bytes", "lines", "whole"]))
    lines = data.split(b"\n")
    if kind == "field":
        row = draw(st.integers(0, len(lines) - 1))
        mark = draw(st.sampled_from([b",", b",", b";", b"\t", b" ", b":"]))
        fields = lines[row].split(mark)
        fields[draw(st.integers(0, len(fields) - 1))] = draw(st.sampled_from(VALUES)).encode()
        lines[row] = mark.join(fields)
        return b"\n".join(lines)
    if kind == "cut":
        return data[: draw(st.integers(0, len(data)))]
    if kind == "bytes":
        at = draw(st.integers(0, len(data)))
        return (
            data[:at]
            + draw(st.sampled_from([b"\0", b"\xff", b'"', b"\r\n", b"\n", b"\0" * 99, b"-", b"9"]))
            + data[at:]
        )
    if kind == "lines":
        one, other = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
        lines[one], lines[other] = lines[other], lines[draw(st.sampled_from([one, other]))]
        return b"\n".join(lines)
    change = draw(st.sampled_from(["utf-16", "latin-1", "crlf", "bom", "nothing", "gzip cut", "twice", "reversed"]))
    text = data.decode(errors="replace")
    return {
        "utf-16": text.encode("utf-16"),
        "latin-1": text.replace("a", "ä", 3).encode("latin-1", errors="replace"),
        "crlf": data.replace(b"\n", b"\r\n"),
        "bom": b"\xef\xbb\xbf" + data,
        "nothing": b"",
        "gzip cut": gzip.compress(data)[:-5],
        "twice": data + data,
        "reversed": b"\n".join(lines[::-1]),
    }[change]


def check_spoilt(name, draw, on_bad_row):
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "data"
        folder.mkdir()
        path = SPECIMENS[name]["write"](folder)
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        file = draw.draw(st.sampled_from(files))
        data = file.read_bytes()
        if file.suffix == ".gz":
            file.write_bytes(gzip.compress(draw.draw(spoilt(gzip.decompress(data)))))
        else:
            file.write_bytes(draw.draw(spoilt(data)))
        aside = Path(temporary) / "rejects.csv"

        try:
            trace = opened(name, path, on_bad_row, aside)
            everything(trace)
        except UserError as error:
            message = str(error)
            assert "\n" not in message
            assert message.isprintable() or "\\" in repr(message)
            assert temporary in message, "an error names the file"
            return
        rejects = trace.rejects
        assert rejects.read == rejects.accepted + rejects.rejected
        if rejects.rejected:
            assert on_bad_row is OnBadRow.SKIP
            with aside.open(newline="", encoding="utf-8") as rows:
                named = list(csv.DictReader(rows))
            assert len(named) == rejects.rejected
            # A row of a data base may have any number.
            assert all(int(row["row"]) >= 1 or file.suffix == ".sqlite" for row in named)
            assert all(row["reason"] and Path(row["file"]) in files for row in named)


#: None has a deadline: the first example of some formats imports a data base. The same examples each time, so that a
#: change is judged by what it changes; take `derandomize` away to look for more.
FEW, MANY = (
    settings(max_examples=n, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)) for n in (10, 80)
)


@every_format
@FEW
@given(draw=st.data(), on_bad_row=st.sampled_from(OnBadRow))
def test_whatever_is_in_a_file_is_an_error_of_one_line_or_is_counted(name, draw, on_bad_row):
    check_spoilt(name, draw, on_bad_row)


@pytest.mark.slow
@every_format
@MANY
@given(draw=st.data(), on_bad_row=st.sampled_from(OnBadRow))
def test_so_is_much_more_that_is_in_a_file(name, draw, on_bad_row):
    check_spoilt(name, draw, on_bad_row)


@every_format
def test_a_file_that_is_not_there_is_an_error_of_one_line(name, tmp_path):
    path = SPECIMENS[name]["write"](tmp_path)
    for file in sorted(file for file in tmp_path.rglob("*") if file.is_file()):
        moved = file.rename(file.with_name("elsewhere"))
        try:
            everything(opened(name, path))
        except UserError as error:
            assert "\n" not in str(error)  # noqa: PT017  # what is optional may be missing
        moved.rename(file)
