"""The sample of the Google traces of 2019 on Kaggle: what becomes of its windows, and the traps of its cells."""

import csv
import gzip
import importlib.util
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from experiments.cli import towtank
from policies.errors import UserError
from policies.requests import Resources
from traces.formats import open_trace
from traces.formats.google2019 import Google2019
from traces.formats.google2019_kaggle import Google2019Kaggle
from traces.reading import ordered
from traces.reading.options import ReadOptions
from traces.reading.reference import Reference
from traces.reading.rejects import OnBadRow, Rejects


def _specimen():
    place = Path(__file__).parent / "specimens" / "google2019_kaggle.py"
    spec = importlib.util.spec_from_file_location("specimen_google2019_kaggle", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


specimen = _specimen()
window, S = specimen.window, specimen.S


@pytest.fixture
def sample(tmp_path):
    """Write windows, or a text, and open them."""

    def write(*windows, rejects=None, **options):
        content = windows[0] if windows and isinstance(windows[0], str) else specimen.text(windows)
        (tmp_path / "borg_traces_data.csv").write_text(content)
        return Google2019Kaggle(tmp_path / "borg_traces_data.csv", rejects or Rejects(), ReadOptions(**options))

    return write


def only(trace):
    [arrival] = trace.arrivals()
    return arrival


def noted(trace, words):
    return sum(int(note.rpartition(": ")[2].replace(",", "")) for note in trace.counted() if words in note)


def test_an_instance_is_a_job_from_its_first_window_to_the_end_of_its_last(sample):
    trace = sample(window(900 * S, 1200 * S, 5, 3), window(600 * S, 700 * S, 5, 3, used=(0.5, 0.25)))
    job, run_s, [[(share, use)]], *_ = only(trace)

    assert (job.id, job.submit_s, job.workload, job.tasks, job.user) == ("7-5-3", 600.0, "service", 1, "user=")
    assert job.groups[0].task[:2] == (Resources(250_000, 125 * 10**9), 200)
    assert (run_s, share) == ((600.0,), 1.0)
    assert use[:2] == (pytest.approx(1000 * (0.125 * 300 + 0.5 * 100) / 400), pytest.approx(1e12 * (18.75 + 25) / 400))
    assert noted(trace, "that no window covers") == 1


def test_an_instance_asks_for_the_most_it_ever_did(sample):
    trace = sample(window(600 * S, 700 * S, 5, cpus=0.5), window(700 * S, 800 * S, 5, memory=0.25))

    assert only(trace).job.groups[0].task.need == Resources(500_000, 250 * 10**9)
    assert noted(trace, "resized") == 1


def test_what_was_not_measured_is_as_asked_for_and_what_was_not_asked_for_is_nothing(sample):
    arrival = only(sample(window(600 * S, 700 * S, 5, cpus="None", used=("None", "nan"))))

    assert arrival.job.groups[0].task.need == Resources(0, 125 * 10**9)
    assert arrival.behaviours[0][0].demand[:2] == (0.0, 125e9)


def test_one_collection_of_two_cells_is_two(sample):
    trace = sample(window(600 * S, 700 * S, 5), window(600 * S, 700 * S, 5, cluster="3"))

    assert [a.job.id for a in trace.arrivals()] == ["3-5-0", "7-5-0"]
    assert noted(trace, "all replayed together") == 2


def test_amounts_are_shares_of_the_reference_machine(sample):
    arrival = only(sample(window(600 * S, 700 * S, 5), reference=Reference("mine", 64.0, 2**38)))

    assert arrival.job.groups[0].task.need == Resources(16_000, 2**35)
    assert arrival.behaviours[0][0].demand[:2] == (8.0, 2.0**34)


def test_batch_and_service_go_by_priority(sample):
    trace = sample(*(window(600 * S, 700 * S, 5, i, priority=str(p)) for i, p in enumerate((0, 103, 119, 120, 450))))

    assert [a.job.workload for a in trace.arrivals()] == ["batch"] * 3 + ["service"] * 2


def test_a_record_is_named_by_its_first_line_and_a_lost_quote_costs_only_its_own(sample):
    lines = specimen.text([window(600 * S, 700 * S, i) for i in range(4)]).split("\n")
    # A record has three lines; of the second the quote before its first array is lost.
    assert lines[4].startswith("1,")
    lines[4] = lines[4][::-1].replace('"', "", 1)[::-1]
    with pytest.raises(UserError, match=r"borg_traces_data\.csv:5: "):
        list(sample("\n".join(lines)).arrivals())

    trace = sample("\n".join(lines), rejects=Rejects(OnBadRow.SKIP))
    names = [a.job.id for a in trace.arrivals()]
    assert {"7-0-0", "7-2-0", "7-3-0"} == set(names)
    assert trace.rejects.read == trace.rejects.accepted + trace.rejects.rejected
    assert trace.rejects.accepted == 3


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"resource_request": "{'cpus': x, 'memory': 1}"}, "resource_request must be"),
        ({"resource_request": "__import__('os').getcwd()"}, "resource_request must be"),
        ({"average_usage": "{'cpus': 1e99, 'memory': 1}"}, "average_usage.cpus must be 0 or more, and possible"),
        ({"average_usage": "{'cpus': --, 'memory': 1}"}, "average_usage must be|average_usage.cpus is not a number"),
        ({"end_time": str(600 * S)}, "end_time must be later than start_time"),
        ({"collection_id": "1.5"}, "collection_id must be a whole number"),
        ({"instance_index": ""}, "instance_index must be a whole number"),
        ({"priority": "high"}, "priority is not a number"),
        ({"cluster": "-1"}, "cluster must be a whole number"),
    ],
)
def test_a_record_that_cannot_be_is_an_error_or_is_put_aside(sample, bad, reason):
    windows = [window(600 * S, 700 * S, 5), window(600 * S, 700 * S, 6) | bad, window(600 * S, 700 * S, 7)]
    with pytest.raises(UserError, match=rf"borg_traces_data\.csv:5: ({reason})"):
        list(sample(*windows).arrivals())

    trace = sample(*windows, rejects=Rejects(OnBadRow.SKIP))
    assert [a.job.id for a in trace.arrivals()] == ["7-5-0", "7-7-0"]
    assert (trace.rejects.read, trace.rejects.accepted, trace.rejects.rejected) == (3, 2, 1)


def test_a_file_without_a_column_is_an_error(sample):
    with pytest.raises(UserError, match="column 'average_usage' is missing"):
        list(sample(specimen.text([]).replace("average_usage", "mean_usage")).arrivals())


def test_a_file_of_nothing_is_an_error_and_one_of_a_header_is_an_empty_trace(sample):
    with pytest.raises(UserError, match="column 'collection_id' is missing"):
        list(sample("").arrivals())
    assert list(sample().arrivals()) == []


def test_a_folder_is_known_by_its_file_and_its_machines_are_hosts(tmp_path):
    trace = open_trace(str(specimen.write(tmp_path)), Rejects())
    arrivals = list(trace.arrivals())

    assert isinstance(trace, Google2019Kaggle)
    assert isinstance(open_trace(f"google2019:{tmp_path}", Rejects()), Google2019)
    assert (len(trace.hosts()), len(arrivals)) == (3, 6)
    assert trace.rejects.read == trace.rejects.accepted == len(specimen.WINDOWS) + len(specimen.MACHINES)
    assert [path.name for path in trace.files()] == ["borg_traces_data.csv", "machine_events-000000000000.json"]


def test_without_machines_beside_it_there_are_no_hosts(sample):
    assert sample(window(600 * S, 700 * S, 5)).hosts() is None


def test_gzipped_with_other_line_ends_and_sorted_on_disk_it_is_the_same(tmp_path, sample, monkeypatch):
    plain = sample(*specimen.WINDOWS)
    first = said(plain)
    packed = tmp_path / "other.csv.gz"
    packed.write_bytes(gzip.compress(specimen.text(specimen.WINDOWS).replace("\n", "\r\n").encode()))
    monkeypatch.setattr(ordered, "IN_MEMORY", 0)
    monkeypatch.setattr(ordered, "AT_ONCE", 1)

    assert first == said(Google2019Kaggle(packed, Rejects())) == said(plain)


def said(trace):
    return [(j.id, j.submit_s, j.groups, j.user, *rest) for j, *rest in trace.arrivals()]


# --- the real piece


@pytest.fixture(scope="module")
def folder(traces_dir):
    return traces_dir / "google2019"


@pytest.fixture(scope="module")
def records(folder):
    with (folder / "kaggle_borg_traces_slice.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_real_windows_are_those_of_an_independent_count(folder, records):
    trace = open_trace(f"google2019_kaggle:{folder}", Rejects())
    arrivals = list(trace.arrivals())
    with gzip.open(folder / "machine_events-000000000000.json.gz") as file:
        machines = sum(1 for _ in file)

    assert trace.rejects.read == trace.rejects.accepted == len(records) + machines
    instances = {(r["cluster"], r["collection_id"], r["instance_index"]) for r in records}
    assert Counter(a.job.id for a in arrivals) == Counter("-".join(one) for one in instances)
    service = {i for i in instances if any(
        int(r["priority"]) >= 120 for r in records if (r["cluster"], r["collection_id"], r["instance_index"]) == i
    )}  # fmt: skip
    assert sum(a.job.workload == "service" for a in arrivals) == len(service)
    used = sum(a.run_s[0] * a.behaviours[0][0].demand.cpu_cores for a in arrivals)
    by_instance = {}
    for r in records:
        key = (r["cluster"], r["collection_id"], r["instance_index"])
        by_instance.setdefault(key, []).append(
            (int(r["start_time"]), int(r["end_time"]), json.loads(r["average_usage"].replace("'", '"'))["cpus"])
        )
    expected = 0.0
    for windows in by_instance.values():
        starts, ends, cpus = map(np.array, zip(*windows, strict=True))
        mean = ((ends - starts) * cpus).sum() / (ends - starts).sum()
        expected += (ends.max() - starts.min()) / 1e6 * mean * 1000
    assert used == pytest.approx(expected)


@pytest.mark.slow
def test_the_real_sample_replays_on_the_real_machines(folder, records):
    command = [
        "run", "--json", "--trace", f"google2019_kaggle:{folder}", "--policy", "first-fit", "--architecture",
        "monolithic", "--t-job", "0.001", "--until", "1000000s",
    ]  # fmt: skip
    done = CliRunner().invoke(towtank, command)

    assert done.exit_code == 0, done.output
    metrics = json.loads(done.stdout)["runs"][0]["metrics"]
    begun = [r for r in records if int(r["start_time"]) < 10**12]
    instances = len({(r["cluster"], r["collection_id"], r["instance_index"]) for r in begun})
    assert 0 < instances < len(records)
    assert (metrics["jobs_submitted"], metrics["tasks_submitted"]) == (instances, instances)
