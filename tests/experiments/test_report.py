"""A report is one file that is whole in itself, says what is not there, and takes what users wrote for text."""

import base64
import sys
import zlib
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from urllib.parse import unquote

import numpy as np
import pytest

from experiments.cli import main
from experiments.cli.spelling import command_of
from experiments.measures.comparing import headlines
from experiments.reporting import page
from experiments.reporting.content import Cell, Heading, Report, Table
from experiments.reporting.of_study import TOLD_APART, number_told, runs
from experiments.reporting.replay import MOST_CELLS, MOST_RUNS, NOT_THERE, quantised, replay
from experiments.results.directory import Results
from experiments.results.frames import Frames, HostLoads
from experiments.results.result import Result
from experiments.results.study import Detail, RunKey, Study
from experiments.running.runner import run_study
from experiments.running.validation import both_worlds, validate
from traces.inventory import HostEntry, as_toml

HEADER = "job,submit_s,workload,tasks,duration_s,cpus,memory_bytes"


class Tree(HTMLParser):
    """The tags of a page with their attributes, and the text of each element."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def values(self, *names):
        """All values that attributes of these names have."""
        return [attributes[name] for _, attributes in self.tags for name in names if name in attributes]


@pytest.fixture(scope="module")
def tree(sent):
    return Tree(sent.text)


@pytest.fixture
def jobs(tmp_path):
    path = tmp_path / "jobs.csv"
    path.write_text(f"{HEADER}\na,0,batch,3,50,1,1000\n")
    return Study(trace=str(path), hosts="4", architectures=("monolithic",), policies=("spread", "binpack"))


def complaint(capsys, monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["towtank", "report", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


# -- the page ----------------------------------------------------------------------------------------------------


def test_nothing_on_the_page_comes_from_elsewhere(tree, sent):
    for address in tree.values("src", "href", "action", "srcset", "poster"):
        within = address.startswith(("#", "data:"))
        assert within or (sent.folder / unquote(address)).is_file(), address


def test_every_script_and_style_is_one_that_the_policy_names(tree, sent):
    (policy,) = [attributes["content"] for tag, attributes in tree.tags if attributes.get("http-equiv")]

    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert not tree.values("style")
    assert not [name for _, attributes in tree.tags for name in attributes if name.startswith("on")]


def test_names_on_the_page_are_unique_and_whoever_refers_to_one_finds_it(tree):
    names = tree.values("id")
    referred = tree.values("for", "aria-describedby", "aria-labelledby")
    referred += [address[1:] for address in tree.values("href") if address.startswith("#")]

    assert len(names) == len(set(names))
    assert set(referred) <= set(names)


def test_headings_do_not_jump(tree):
    levels = [int(tag[1]) for tag, _ in tree.tags if tag in ("h1", "h2", "h3", "h4")]

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_what_users_wrote_is_text(tree, sent):
    assert "<img src=x" not in sent.text
    assert "&lt;b&gt;" in sent.text
    assert not [tag for tag, _ in tree.tags if tag == "b"]
    assert all(source.startswith("data:image/") for source in tree.values("src"))


def test_every_figure_has_words_for_who_does_not_see_it(tree, sent):
    pictures = [attributes for tag, attributes in tree.tags if tag == "img"]

    assert len(pictures) == len(sent.report.illustrations) > 3
    assert all(len(picture["alt"]) > 30 for picture in pictures)


def test_from_elsewhere_the_links_lead_to_the_files(sent, tmp_path):
    from experiments.reporting.of_study import files

    links = list(files(sent.folder, tmp_path))

    assert {"run.json", "summary.csv"} <= {link.text for link in links}
    assert all((tmp_path / unquote(link.address)).is_file() for link in links)


# -- what it says ------------------------------------------------------------------------------------------------


def test_the_statement_says_what_was_compared_on_what(sent):
    told = " ".join(sent.report.statement)

    for part in ("2 architectures", "2 placement policies", "2 seeds", "3 jobs of 8 containers", "4 hosts"):
        assert part in told


def test_settings_that_differ_from_the_usual_come_first(sent):
    (settings,) = sent.report.settings

    assert dict(settings.changed)["contention"] == "true"
    assert dict(settings.others)["conflict"] == "fine"
    assert len(settings.changed) + len(settings.others) == len(sent.study.as_json())


def test_the_page_says_how_to_reproduce_it(sent):
    commands = [command for _, command in sent.report.commands]

    assert commands == [command_of(sent.study), "towtank rerun run.json"]


def test_every_run_and_every_metric_is_in_the_table(sent):
    _, everything = sent.report.tables
    results = Results(sent.folder).finished().values()
    names = {name for result in results for name in (*result.metrics, *result.cost)}

    assert len(everything.rows) == len(list(sent.study.runs()))
    assert {heading.text for heading in everything.headings} == {"run", *names}


def test_what_has_no_room_in_the_table_is_counted():
    metrics = {f"m{number}": 1.0 for number in range(100)}
    results = [Result(RunKey("monolithic", "spread", seed), metrics, {}) for seed in range(200)]

    table = runs(results)

    assert len(table.rows) == 100
    assert table.note.startswith("100 more runs")


@pytest.mark.parametrize(
    ("value", "told"), [(None, "–"), (1234567, "1,234,567"), (0.123456789, "0.12346"), (1e7 / 3, "3,333,333")]
)
def test_numbers_are_told_to_five_digits_and_counts_in_full(value, told):
    assert number_told(value) == told


def test_what_nobody_knows_has_no_place_in_an_order():
    table = Table("t", "A table", (Heading("name", numbers=False), Heading("x")), ((Cell("a"), Cell("–", None)),))

    tags = Tree(page.page(Report("title", ("statement",), tables=(table,)))).tags

    (cell,) = [attributes for tag, attributes in tags if tag == "td"]
    assert "data-value" not in cell


def test_without_a_log_the_page_says_why_no_host_is_shown(jobs, tmp_path):
    out = tmp_path / "out"
    run_study(replace(jobs, detail=Detail.SUMMARY), out)

    report = page.gather(out, out, command_of)

    assert report.replay is None
    assert "--detail" in report.no_replay
    assert report.no_replay in page.page(report)


def test_runs_that_are_not_finished_are_named(jobs, tmp_path):
    out = tmp_path / "out"
    jobs = replace(jobs, detail=Detail.SUMMARY)
    run_study(jobs, out)
    results = Results(out)
    first, _ = results.finished().values()
    results.write_summary([first])

    (warning,) = page.gather(out, out, command_of).warnings

    assert warning == "1 of 2 runs are not finished and not in here: monolithic, binpack, seed 1."


def test_what_was_told_apart_comes_first(jobs, tmp_path):
    out = tmp_path / "out"
    run_study(replace(jobs, detail=Detail.SUMMARY, seeds=(1, 2)), out)
    compared = headlines(Frames(out).summary)
    apart = {one.sentence for one in compared if one.finding in TOLD_APART}

    findings = page.gather(out, out, command_of).findings

    assert apart
    assert set(findings) == {one.sentence for one in compared}
    assert set(findings[: len(apart)]) == apart


@pytest.mark.parametrize(
    ("policies", "why"), [(("spread", "binpack"), "single seed"), (("spread",), "nothing to compare it with")]
)
def test_where_nothing_can_be_said_the_page_says_why(policies, why, jobs, tmp_path):
    run_study(replace(jobs, detail=Detail.SUMMARY, policies=policies), tmp_path / "out")

    report = page.gather(tmp_path / "out", tmp_path, command_of)

    assert report.findings == ()
    assert why in report.findings_note


def test_which_figures_are_missing_is_said_with_the_reason(jobs, tmp_path):
    run_study(replace(jobs, detail=Detail.SUMMARY), tmp_path / "out")

    assert "load_heatmap" in page.gather(tmp_path / "out", tmp_path, command_of).not_drawn


# -- a validation ------------------------------------------------------------------------------------------------


def test_a_validation_has_a_report_of_the_same_shape(tmp_path):
    entries = [HostEntry(name, f"unix:///{name}", cpus=0.8, memory_bytes=2**29, disk="10MB:415") for name in "ab"]
    trace = "generated:cpu-io-small:span=20s,cpu-tasks=1,cpu-rate=0.5"
    tank, _ = both_worlds(
        Study(trace=trace, architectures=("monolithic",), policies=("spread",)), "docker:nowhere.toml"
    )
    hosts, out = tmp_path / "hosts.toml", tmp_path / "out"
    hosts.write_text(as_toml(entries))
    # A tank in which requests wait for the CPU stands for the sea.
    validation = validate(tank, replace(tank, hosts=str(hosts), wake_up_s=0.002), entries, out, 0.1)

    report = page.gather(out, out, command_of)

    assert report.findings[0] == f"Within 10% of the sea: {validation.agreement.verdict}."
    assert [table.name for table in report.tables] == ["measures", "decisions"]
    assert len(report.tables[0].rows) == len(validation.agreement.rows)
    assert [run["label"] for run in report.replay["runs"]] == ["tank: monolithic, spread", "sea: monolithic, spread"]
    assert len(report.illustrations) == 3
    assert "validation.csv" in page.page(report)


# -- the replay --------------------------------------------------------------------------------------------------


def run_of(load):
    return HostLoads(np.arange(float(len(load))), {"cpu_allocated": load})


def levels_of(told, name="cpu_allocated"):
    """What the page makes of the bytes of a run."""
    (run,) = told["runs"]
    steps = np.frombuffer(zlib.decompress(base64.b64decode(run["loads"][name]["bytes"])), np.uint8)
    return np.cumsum(steps.reshape(-1, run["cells"]), axis=0, dtype=np.uint8)


def test_what_is_played_back_is_what_was_seen_to_half_a_step():
    rng = np.random.default_rng(1)
    load = rng.uniform(0, 1.5, (50, 7))
    load[10:20, 3] = np.nan

    levels = levels_of(replay({"run": run_of(load)}))

    assert ((levels == NOT_THERE) == np.isnan(load)).all()
    there = ~np.isnan(load)
    top = np.nanmax(load)
    assert np.abs(levels / (NOT_THERE - 1) * top - load)[there].max() <= top / (NOT_THERE - 1) / 2 + 1e-12


def test_words_come_from_the_loads_and_not_from_the_picture():
    load = np.array([[0.2, np.nan, 0.4], [0.0, 1.0, 0.5]])

    (run,) = replay({"run": run_of(load)})["runs"]

    told = run["loads"]["cpu_allocated"]
    assert (told["mean"], told["most"], told["away"]) == ([30.0, 50.0], [40.0, 100.0], [1, 0])


def test_a_host_that_lacks_a_resource_is_there():
    gpu = np.array([[np.nan, 0.5]])
    run = HostLoads(np.zeros(1), {"cpu_allocated": np.array([[0.1, 0.2]]), "gpu_allocated": gpu})

    (told,) = replay({"run": run})["runs"]

    assert (told["loads"]["gpu_allocated"]["away"], told["loads"]["gpu_allocated"]["without"]) == ([0], [1])


def test_of_many_hosts_neighbours_are_averaged():
    load = np.tile([0.0, 1.0], (3, MOST_CELLS))

    told = replay({"run": run_of(load)})

    assert told["averaged"]
    assert set(levels_of(told).flat) == set(quantised(np.array([0.5]), 1.0))


def test_of_many_runs_some_are_left_out_and_counted():
    told = replay({f"run {number}": run_of(np.zeros((2, 2))) for number in range(MOST_RUNS + 3)})

    assert len(told["runs"]) == MOST_RUNS
    assert told["left_out"] == 3


# -- the command -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_command_makes_the_same_bytes_of_the_same_results_and_says_where(sent, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["towtank", "report", str(sent.folder)])

    main()

    assert capsys.readouterr().out == f"{sent.file}\n"
    assert sent.file.read_text(encoding="utf-8") == sent.text


def test_the_page_may_lie_elsewhere(jobs, tmp_path, monkeypatch):
    run_study(replace(jobs, detail=Detail.SUMMARY), tmp_path / "out")
    elsewhere = tmp_path / "new" / "page.html"
    monkeypatch.setattr(sys, "argv", ["towtank", "report", str(tmp_path / "out"), "--out", str(elsewhere)])

    main()

    assert 'href="../out/summary.csv"' in elsewhere.read_text(encoding="utf-8")
    assert not (tmp_path / "out" / "report.html").exists()


def test_what_is_no_results_directory_is_named(tmp_path, capsys, monkeypatch):
    assert f"{tmp_path} is no results directory" in complaint(capsys, monkeypatch, tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_a_directory_without_a_finished_run_is_named(sent, tmp_path, capsys, monkeypatch):
    (tmp_path / "run.json").write_text((sent.folder / "run.json").read_text())

    assert f"{tmp_path} holds no finished run yet" in complaint(capsys, monkeypatch, tmp_path)


@pytest.mark.slow
def test_a_report_of_a_million_containers_is_less_than_five_megabytes(tmp_path):
    rows = [f"j{number},{number},{'batch' if number % 5 else 'service'},500,600,0.1,1000" for number in range(2000)]
    trace = tmp_path / "million.csv"
    trace.write_text("\n".join([HEADER, *rows, ""]))
    study = Study(trace=str(trace), hosts="5000", architectures=("monolithic", "shared-state"))
    out = tmp_path / "out"
    run_study(study, out)

    page.write(page.gather(out, out, command_of), out / "report.html")

    assert {result.metrics["tasks_finished"] for result in Results(out).finished().values()} == {1_000_000}
    assert (out / "report.html").stat().st_size < 5_000_000
