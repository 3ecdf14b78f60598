"""Arrivals of Azure V1: what becomes of a batch, what the two texts must agree on, and whether all are there."""

import gzip
import json
from collections import Counter

import pytest
from click.testing import CliRunner

from experiments.cli import towtank
from policies.errors import UserError
from policies.requests import Resources
from traces.formats import open_trace
from traces.formats.azure_vm_v1_arrivals import AzureVmV1Arrivals, looks_like
from traces.reading.rejects import OnBadRow, Rejects
from traces.trace import OPEN_ENDED

GIB = 2**30
FLAVOURS = "1,0.75 a\n1,1.75 b\n2,3.5 g\n"
INTERVALS = "0 0\n300 1\n600 2\n900 2\n1200 2\n"


@pytest.fixture
def texts(tmp_path):
    """Write arrivals, lifetimes and maps; give the folder."""

    def write(arrivals, lifetimes, end=3000, name="v1.test", flavours=FLAVOURS, intervals=INTERVALS):
        (tmp_path / f"{name}.txt").write_text("".join(f"{line}\n" for line in arrivals))
        (tmp_path / f"{name}.c{end}.txt").write_text("".join(f"{line}\n" for line in lifetimes))
        for file, text in (("flav_map.txt", flavours), ("v1.interval_map.txt", intervals)):
            (tmp_path / file).write_text(text)
        return tmp_path

    return write


def read(path, rejects=None):
    trace = AzureVmV1Arrivals(path, rejects or Rejects())
    return trace, list(trace.arrivals())


def noted(trace, words):
    return sum(int(note.rpartition(": ")[2].replace(",", "")) for note in trace.counted() if words in note)


# --- what becomes of a batch


def test_a_batch_is_a_job_whose_like_machines_are_one_group(texts):
    _, [first, second] = read(texts(["600 g,b,g,g,|,a,|,"], ["600 U2,U1,U2,U1,|,U0,|,"]))

    assert [(job.id, job.submit_s, job.workload, job.user) for job in (first.job, second.job)] == [
        ("600/0", 0, "service", ""),
        ("600/1", 0, "service", ""),
    ]
    assert [(group.task.need, group.count) for group in first.job.groups] == [
        (Resources(2000, int(3.5 * GIB)), 2),
        (Resources(1000, int(1.75 * GIB)), 1),
        (Resources(2000, int(3.5 * GIB)), 1),
    ]
    assert first.run_s == (900, 300, 300)
    assert second.job.groups[0].task.need == Resources(1000, int(0.75 * GIB))


@pytest.mark.parametrize(
    ("life", "run_s"), [("U0", 300), ("U1", 300), ("U2", 900), ("U3", 1200), ("C0", OPEN_ENDED), ("C46", OPEN_ENDED)]
)
def test_a_run_time_is_the_middle_of_its_bin(texts, life, run_s):
    trace, [arrival] = read(texts(["600 a,|,"], [f"600 {life},|,"]))

    assert arrival.run_s == (run_s,)
    assert noted(trace, "still there at the end") == (life[0] == "C")
    assert noted(trace, "longer than the last bin") == (life == "U3")


def test_time_0_is_the_first_line_and_the_end_stands_in_the_name(texts):
    trace = AzureVmV1Arrivals(
        texts(["600 a,|,", "900 ", "1200 a,|,b,|,"], ["600 U0,|,", "900 ", "1200 U0,|,U1,|,"]), Rejects()
    )

    assert trace.end_s() == 2400  # before anything was read
    assert [(arrival.job.id, arrival.job.submit_s) for arrival in trace.arrivals()] == [
        ("600/0", 0),
        ("1200/0", 600),
        ("1200/1", 600),
    ]


def test_a_batch_whose_end_is_missing_is_a_batch(texts):
    _, arrivals = read(texts(["600 a,|,b,b"], ["600 U0,|,U1,U1"]))

    assert [arrival.job.tasks for arrival in arrivals] == [1, 2]


def test_several_pairs_follow_one_another_and_a_text_without_lifetimes_is_named(texts, tmp_path):
    texts(["1200 b,|,"], ["1200 U0,|,"])
    texts(["300 a,|,"], ["300 C0,|,"], end=900, name="v1.dev")
    (tmp_path / "v1.train.txt").write_text("0 a,|,\n")

    trace, arrivals = read(tmp_path)

    assert [(arrival.job.id, arrival.job.submit_s) for arrival in arrivals] == [("300/0", 0), ("1200/0", 900)]
    assert trace.end_s() == 2700
    assert any("v1.train.txt has no lifetimes" in note for note in trace.assumptions())
    _, [alone] = read(tmp_path / "v1.test.txt")
    assert alone.job.id == "1200/0"


def test_the_maps_may_be_where_the_repository_has_them(texts, tmp_path):
    folder = texts(["600 a,|,"], ["600 U0,|,"])
    (tmp_path / "traces").mkdir()
    (tmp_path / "maps").mkdir()
    for file in [*folder.glob("*_map.txt")]:
        file.rename(tmp_path / "maps" / file.name)
    for file in [*folder.glob("v1.*")]:
        file.rename(tmp_path / "traces" / file.name)

    trace, arrivals = read(tmp_path / "traces")

    assert len(arrivals) == 1
    assert [file.name for file in trace.files()] == [
        "v1.test.txt",
        "v1.test.c3000.txt",
        "flav_map.txt",
        "v1.interval_map.txt",
    ]


# --- what the texts must agree on


@pytest.mark.parametrize(
    ("came", "lived", "reason"),
    [
        ("900 a,b,|,", "900 U0,|,", r"v1\.test\.txt:2: has not as many .* as v1\.test\.c3000\.txt:2: '3'"),
        (
            "900 a,b,|,",
            "900 U0,|,U0,",
            r"v1\.test\.c3000\.txt:2: its batches do not end where they do in v1\.test\.txt",
        ),
        ("900 z,|,", "900 U0,|,", r"v1\.test\.txt:2: a letter is not in flav_map\.txt: 'z'"),
        ("900 a,|,", "900 X0,|,", r"v1\.test\.c3000\.txt:2: is no lifetime like U15 or C46: 'X0'"),
        ("900 a,|,", "900 U9,|,", r"v1\.test\.c3000\.txt:2: is no lifetime like U15 or C46: 'U9'"),
    ],
)
def test_lines_that_do_not_agree_are_named_or_both_put_aside(texts, came, lived, reason):
    folder = texts(["600 a,|,", came, "1200 b,|,"], ["600 U0,|,", lived, "1200 U1,|,"])
    skipping = Rejects(OnBadRow.SKIP)

    with pytest.raises(UserError, match=reason):
        read(folder)
    _, arrivals = read(folder, skipping)

    assert [arrival.job.id for arrival in arrivals] == ["600/0", "1200/0"]
    assert (skipping.read, skipping.accepted, skipping.rejected) == (6, 4, 2)


@pytest.mark.parametrize(
    ("arrivals", "lifetimes", "reason", "rejected"),
    [
        (["600 a,|,"], ["600 U0,|,", "900 U1,|,"], r"c3000\.txt:2: v1\.test\.txt has no line of this time: '900'", 1),
        (["600 a,|,", "900 a,|,"], ["600 U0,|,"], r"test\.txt:2: v1\.test\.c3000\.txt has no line of this time", 1),
        (["600 a,|,", "900 a,|,"], ["600 U0,|,", "1200 U0,|,"], r"test\.txt:2: .* has no line of this time", 2),
        (["600 a,|,", "300 a,|,"], ["600 U0,|,", "300 U0,|,"], r":2: the time must be later than", 2),
        (["600 a,|,", "x a,|,"], ["600 U0,|,", "900 U0,|,"], r"test\.txt:2: at_s is not a number: 'x'", 2),
        (["600 a,|,", "-1 a,|,"], ["600 U0,|,"], r"test\.txt:2: the time must be 0 or more", 1),
        (["600 a,|,", "900 a, |,"], ["600 U0,|,"], r"test\.txt:2: 3 fields instead of 2", 1),
    ],
)
def test_lines_without_their_like_are_named_or_put_aside(texts, arrivals, lifetimes, reason, rejected):
    folder = texts(arrivals, lifetimes)
    skipping = Rejects(OnBadRow.SKIP)

    with pytest.raises(UserError, match=reason):
        read(folder)
    _, left = read(folder, skipping)

    assert [arrival.job.id for arrival in left] == ["600/0"]
    assert (skipping.read, skipping.accepted, skipping.rejected) == (2 + rejected, 2, rejected)


@pytest.mark.parametrize(
    ("maps", "reason"),
    [
        ({"flavours": "1,0.75 a\n1 b\n"}, r"flav_map\.txt:2: a size is cores,GB: '1'"),
        ({"flavours": "1,1e300 a\n"}, r"flav_map\.txt:1: a size is cores,GB"),
        ({"intervals": "0 0\n300 x\n"}, r"v1\.interval_map\.txt:2: bin is not a number"),
        ({"intervals": "0 0\n-1 1\n"}, r"v1\.interval_map\.txt:2: a lifetime must be 0 or more"),
        ({"intervals": ""}, r"v1\.interval_map\.txt: no rows"),
    ],
)
def test_a_map_that_cannot_be_read_is_one_clear_error(texts, maps, reason):
    with pytest.raises(UserError, match=reason):
        read(texts(["600 a,|,"], ["600 U0,|,"], **maps))


def test_a_missing_map_is_one_clear_error(texts):
    folder = texts(["600 a,|,"], ["600 U0,|,"])
    (folder / "flav_map.txt").unlink()

    with pytest.raises(UserError, match=r"has no flav_map\.txt"):
        read(folder)


def test_what_looks_like_it_is_a_pair_of_texts(texts, tmp_path):
    folder = texts(["600 a,|,"], ["600 U0,|,"])
    assert looks_like(folder)
    assert looks_like(folder / "v1.test.txt")
    assert not looks_like(folder / "flav_map.txt")
    assert not looks_like(tmp_path / "none")

    texts(["600 a,|,"], ["600 some words"])

    assert not looks_like(folder)


# --- the real piece, counted with nothing but gzip


@pytest.fixture(scope="module")
def folder(traces_dir):
    return traces_dir / "azure_vm_v1_arrivals"


def lines(path):
    with gzip.open(path, "rt") as file:
        return [line.split(" ", 1)[1].strip().split(",") for line in file]


@pytest.mark.slow
def test_every_machine_of_the_real_texts_is_there(folder):
    came, lived = lines(folder / "v1.test.txt.gz"), lines(folder / "v1.test.c2591400.txt.gz")
    flavours = dict(reversed(line.split()) for line in (folder / "flav_map.txt").read_text().splitlines())
    letters = Counter(word for line in came for word in line)
    batches = letters.pop("|")
    rejects = Rejects()

    trace, arrivals = read(folder, rejects)

    assert rejects.read == rejects.accepted == len(came) + len(lived) == 2 * 1638
    assert len(arrivals) == batches
    assert sum(arrival.job.tasks for arrival in arrivals) == letters.total() == 410276
    needs = Counter()
    for arrival in arrivals:
        for group in arrival.job.groups:
            needs[group.task.need[:2]] += group.count
    assert needs == Counter(
        {
            (int(cores) * 1000, int(float(memory) * GIB)): letters[letter]
            for letter, size in flavours.items()
            for cores, memory in [size.split(",")]
        }
    )
    alive = sum(word[0] == "C" for line in lived for word in line)
    assert noted(trace, "still there at the end") == alive
    assert trace.end_s() == 2591400 - 2100000
    assert arrivals[-1].job.submit_s == 2591100 - 2100000


def test_the_real_texts_are_recognised(folder):
    assert isinstance(open_trace(str(folder), Rejects()), AzureVmV1Arrivals)
    assert isinstance(open_trace(str(folder / "v1.test.txt.gz"), Rejects()), AzureVmV1Arrivals)


@pytest.mark.slow
def test_a_run_of_the_real_texts_submits_every_machine_of_some_hours(folder):
    hours = 6
    came = lines(folder / "v1.test.txt.gz")[: hours * 12]
    ran = CliRunner().invoke(
        towtank,
        ["run", "--json", "--trace", f"azure_vm_v1_arrivals:{folder}", "--hosts", "2000", "--policy", "first-fit",
         "--architecture", "monolithic", "--t-job", "0.001", "--t-task", "0", "--until", f"{hours * 3600 - 1}s",
         "--processes", "1"],
    )  # fmt: skip

    assert ran.exit_code == 0, ran.output
    [run] = json.loads(ran.stdout)["runs"]
    words = Counter(word for line in came for word in line)
    assert run["metrics"]["jobs_submitted"] == words.pop("|")
    assert run["metrics"]["tasks_submitted"] == words.total()
