"""Figures say what the tables say, of any set of runs, and can be read."""

from dataclasses import replace
from itertools import combinations, pairwise
from math import isfinite

import numpy as np
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.container import BarContainer
from matplotlib.text import Annotation

from experiments.cli.plot import plot
from experiments.drawing import distributions, jobs, labels, naming, over_time, reading, runs, style
from experiments.drawing.catalogue import PICTURES, draw_all, left_out, pictures
from experiments.drawing.marks import banded, over_seeds
from experiments.measures.statistics import estimate
from experiments.measures.windows import counts_in, overlap_s, window_means
from experiments.results.frames import Frames
from experiments.results.study import Detail, RunKey, Study
from experiments.running.runner import run_study
from policies.errors import UserError

HEADER = "job,submit_s,workload,tasks,duration_s,cpus,memory_bytes"
OF_SUMMARY = {"wait_and_busyness", "conflicts", "imbalance_measures"}
OF_LOG = OF_SUMMARY | {
    "allocation", "utilisation_bands", "load_heatmap", "imbalance", "busyness", "wait_distribution", "turnaround",
}  # fmt: skip
OF_SHARED_HOSTS = {"use", "slowdown", "slowdown_by_shape"}

ONE = Study(
    trace="generated:cpu-io", hosts="4", until_s=120.0, architectures=("monolithic",), policies=("spread",)
)  # fmt: skip
SEVERAL = replace(
    ONE, architectures=("monolithic", "shared-state"), policies=("random-first-fit", "spread", "binpack"),
    trace="generated:default", hosts="60", until_s=240.0, seeds=(1, 2), schedulers={"batch": 4, "service": 2},
    t_job_s={"batch": 0.5, "service": 5.0}, detail=Detail.TASKS,
)  # fmt: skip
SHARED = replace(ONE, contention=True, policies=("spread", "binpack"), seeds=(1, 2, 3), host_disk="HDD", until_s=300.0)


def rows(trace):
    """A native trace of these rows; the last field of eight is a priority."""
    return HEADER + ",priority" * (trace.split()[0].count(",") == 7) + "\n" + trace


def results(folder, study, trace=None):
    folder.mkdir()
    if trace is not None:
        (folder / "jobs.csv").write_text(rows(trace))
        study = replace(study, trace=str(folder / "jobs.csv"))
    run_study(study, folder / "out")
    return Frames(folder / "out")


#: By name, what is asked for and, where it is not generated, of which jobs.
STUDIES = {
    "one": (ONE, None),
    "without a log": (replace(ONE, detail=Detail.SUMMARY, seeds=(1, 2)), None),
    "several": (SEVERAL, None),
    "shared": (SHARED, None),
    "nothing ends": (replace(ONE, until_s=10.0), "a,0,batch,1,100,1,1\n"),
    "nothing fits in time": (replace(ONE, until_s=10.0), "a,0,batch,1,100,1,1\nb,9,batch,1,100,99999,1\n"),
    "a single host": (replace(SHARED, hosts="1"), None),
    "5,000 hosts": (replace(ONE, hosts="5000", until_s=60.0), None),
    "many policies": (
        replace(
            ONE, until_s=20.0, architectures=("monolithic", "shared-state"),
            policies=tuple(f"power-of-d:d={d}" for d in range(2, 18)),
        ),
        "a,0,batch,3,5,1,1\nb,1,service,3,30,1,1\n",
    ),
}  # fmt: skip


#: Those of many panels, which take their time.
MANY = ("several", "shared", "many policies")


@pytest.fixture(scope="module")
def frames_of(tmp_path_factory):
    made = {}

    def frames(name):
        if name not in made:
            made[name] = results(tmp_path_factory.mktemp("figures") / "study", *STUDIES[name])
        return made[name]

    return frames


def texts_of(figure):
    """Everything that can be read in a figure, with its place in pixels."""
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    found = [*figure.texts, *([figure._suptitle] if figure._suptitle else [])]
    for legend in [*figure.legends, *(axes.get_legend() for axes in figure.axes if axes.get_legend())]:
        found += legend.get_texts()
    for axes in figure.axes:
        found += [axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label, *axes.texts]
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            slack = 1e-9 * (high - low)
            found += [
                tick.label1
                for tick in axis.get_major_ticks()
                if tick.label1.get_visible() and low - slack <= tick.get_loc() <= high + slack
            ]
    seen = {text for text in found if text.get_visible() and text.get_text().strip()}
    # Of an annotation only the words count, not what leads to them.
    return [(text.get_text(), _extent(text, renderer)) for text in seen]


def _extent(text, renderer):
    if isinstance(text, Annotation):
        text.update_positions(renderer)
        return super(Annotation, text).get_window_extent(renderer)
    return text.get_window_extent(renderer)


def assert_can_be_read(figure):
    said = texts_of(figure)
    for text, box in said:
        assert figure.bbox.x0 - 1 <= box.x0, text
        assert box.x1 <= figure.bbox.x1 + 1, text
        assert figure.bbox.y0 - 1 <= box.y0, text
        assert box.y1 <= figure.bbox.y1 + 1, text
    for (one, box), (other, neighbour) in combinations(said, 2):
        across = min(box.x1, neighbour.x1) - max(box.x0, neighbour.x0)
        up = min(box.y1, neighbour.y1) - max(box.y0, neighbour.y0)
        assert across <= 1 or up <= 1, (one, other)
    panels = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    for axes in panels:
        place = axes.get_subplotspec()
        column = [one for one in panels if one.get_subplotspec().colspan == place.colspan]
        row = [one for one in panels if one.get_subplotspec().rowspan == place.rowspan]
        assert any(one.get_xlabel() for one in column), axes.get_title(loc="left")
        named_rows = [tick.get_text() for one in row for tick in one.get_yticklabels() if "\n" in tick.get_text()]
        assert named_rows or any(one.get_ylabel() for one in row), axes.get_title(loc="left")


@pytest.mark.parametrize(
    ("name", "width"),
    [
        *((name, style.DOUBLE) for name in STUDIES if name not in MANY),
        *((name, style.SINGLE) for name in ("one", "without a log")),
        *(pytest.param(name, width, marks=pytest.mark.slow) for name in MANY for width in (style.DOUBLE, style.SINGLE)),
    ],
)
def test_every_figure_can_be_read_or_says_what_the_runs_lack(frames_of, name, width):
    frames = frames_of(name)
    for picture in PICTURES:
        if picture.drawable(frames):
            figure = picture.draw(frames, width=width)
            assert_can_be_read(figure)
            assert figure.get_figwidth() == width
        else:
            assert picture.stem in left_out(frames)


@pytest.mark.parametrize(
    ("name", "stems"),
    [
        ("without a log", OF_SUMMARY),
        ("one", OF_LOG),
        ("several", OF_LOG | {"conflicts_over_time"}),
        ("shared", OF_LOG | OF_SHARED_HOSTS),
        ("nothing ends", OF_LOG - {"turnaround"}),
    ],
)
def test_what_can_be_drawn_goes_by_what_was_kept_and_by_what_happened(frames_of, name, stems):
    assert {picture.stem for picture in pictures(frames_of(name))} == stems


def test_titles_and_captions_are_there_and_no_two_figures_have_one_name():
    assert len({picture.stem for picture in PICTURES}) == len(PICTURES)
    assert all(picture.title and picture.caption.endswith(".") for picture in PICTURES)


def test_whiskers_are_the_t_interval_of_the_mean_over_seeds(frames_of):
    frames = frames_of("shared")
    figure = runs.wait_and_busyness(frames)

    bars = [bar for bar in figure.axes[0].containers if isinstance(bar, BarContainer)]
    drawn = [(bar.patches[0].get_width(), bar.errorbar.lines[2][0].get_segments()[0][:, 0]) for bar in bars]

    table = frames.summary.groupby("policy", sort=False)["wait_mean_s.batch"]
    wanted = [estimate(values.tolist()) for _, values in table]
    assert [mean for mean, _ in drawn] == pytest.approx([one.mean for one in wanted])
    assert [tuple(ends) for _, ends in drawn] == [pytest.approx((one.low, one.high)) for one in wanted]


def test_of_one_seed_no_interval_is_drawn(frames_of):
    figure = runs.wait_and_busyness(frames_of("one"))

    assert all(bar.errorbar is None for bar in figure.axes[0].containers)


def test_bands_are_the_t_interval_at_each_place():
    samples = np.array([[1.0, 5.0, np.nan], [2.0, 5.5, 1.0], [4.0, 7.0, np.nan]])
    axes = style.new(3, 2).subplots()

    banded(axes, [0, 1, 2], over_seeds(samples))

    corners = {tuple(np.round(corner, 9)) for path in axes.collections[0].get_paths() for corner in path.vertices}
    for place in (0, 1):
        seen = estimate(samples[:, place].tolist())
        assert (place, round(seen.low, 9)) in corners
        assert (place, round(seen.high, 9)) in corners
    assert not any(place == 2 and isfinite(y) for place, y in corners)  # of a single value nothing is known


def test_what_is_drawn_again_is_the_same_to_the_byte(frames_of):
    frames = frames_of("shared")

    def drawn():
        some = ["wait_and_busyness", "load_heatmap", "wait_distribution"]
        paths = draw_all(frames.results.folder, some, style.FORMATS)
        return {path.name: path.read_bytes() for path in paths[0].parent.iterdir()}

    first = drawn()
    assert {name.rpartition(".")[2] for name in first} == {"png", "svg", "pdf"}
    assert drawn() == first


def test_a_pdf_has_its_fonts_in_it_and_none_of_type_3(frames_of):
    (path,) = draw_all(frames_of("one").results.folder, ["conflicts"], ["pdf"])

    content = path.read_bytes()
    assert b"/FontFile2" in content
    assert b"/Type3" not in content


def test_over_time_and_in_the_mean_schedulers_are_as_busy(frames_of):
    frames = frames_of("several")
    figure = over_time.busyness(frames)

    key = frames.firsts[0]
    line = next(axes for axes in figure.axes if "all jobs" in axes.get_title(loc="left")).lines[0]
    same = frames.summary[(frames.summary.architecture == key.architecture) & (frames.summary.policy == key.policy)]
    assert np.mean(line.get_ydata()) == pytest.approx(same["busyness.all"].mean())


@pytest.mark.parametrize(("of", "metric"), [("allocated", "cpu_allocated_mean"), ("used", "cpu_used_mean")])
def test_over_time_and_in_the_mean_as_much_is_taken(frames_of, of, metric):
    frames = frames_of("shared")
    axes = over_time.of_cell(frames, of=of).axes[0]

    for line, (_, values) in zip(axes.lines, frames.summary.groupby("policy", sort=False)[metric], strict=True):
        assert np.mean(line.get_ydata()) == pytest.approx(values.mean())


@pytest.mark.parametrize("draw", [over_time.imbalance, distributions.slowdowns])
def test_of_very_large_logs_one_seed_is_drawn_and_the_figure_says_so(frames_of, monkeypatch, draw):
    monkeypatch.setattr(reading, "MOST_ROWS", 10)

    figure = draw(frames_of("shared"))

    assert "seed 1 alone" in figure._suptitle.get_text()
    assert not figure.axes[0].collections


def test_what_does_not_fit_is_told(frames_of):
    frames = frames_of("many policies")

    assert len(frames.combinations) == 32
    for draw, shown in ((over_time.imbalance, 28), (runs.conflicts, 32)):
        figure = draw(frames)
        told = figure._suptitle.get_text() if figure._suptitle else ""
        assert told == ("" if shown == 32 else f"{32 - shown} more of the architectures and policies are not shown")


def test_a_distribution_of_waits_is_that_of_the_log(frames_of):
    frames = frames_of("one")
    (line,) = distributions.waits(frames).axes[0].lines

    log = frames.log(frames.firsts[0])
    waits = log.loc[(log.event == "attempted") & (log.attempt == 1), "age_s"].tolist()
    waits += log.loc[log.event == "unattempted", "age_s"].tolist()
    at, shares = line.get_data()
    assert shares[-1] == 1
    middle = len(at) // 2
    assert shares[middle] == pytest.approx(np.mean([max(wait, 0.001) <= at[middle] for wait in waits]))


def test_jobs_that_have_not_ended_never_end(tmp_path):
    trace = "a,0,batch,2,5,1,1\nb,0,batch,2,100,1,1\nc,1,batch,1,5,99999,1\n"
    frames = results(tmp_path / "study", replace(ONE, until_s=20.0), trace)

    table = frames.jobs(frames.firsts[0]).set_index("job")

    assert table["ended_s"].notna().to_dict() == {"a": True, "b": False}
    (line,) = distributions.turnarounds(frames).axes[0].lines
    assert line.get_ydata()[-1] == 0.5


# -- windows ------------------------------------------------------------------------------------------------------

MOMENTS = st.lists(st.floats(0, 100), min_size=1, max_size=20).map(sorted).map(np.array)
EDGES = np.linspace(0, 100, 8)


@given(MOMENTS, st.data())
def test_the_means_of_windows_make_the_mean_of_all(t_s, data):
    values = np.array(data.draw(st.lists(st.floats(-10, 10), min_size=t_s.size, max_size=t_s.size)))

    whole = window_means(t_s, values, EDGES[[0, -1]])

    assert np.mean(window_means(t_s, values, EDGES)) == pytest.approx(whole[0], abs=1e-9)


@given(MOMENTS, st.data())
def test_what_takes_time_takes_it_in_the_windows_that_it_meets(begins, data):
    lengths = np.array(data.draw(st.lists(st.floats(0, 50), min_size=begins.size, max_size=begins.size)))

    met = [
        sum(
            max(0.0, min(begin + length, high) - max(begin, low)) for begin, length in zip(begins, lengths, strict=True)
        )
        for low, high in pairwise(EDGES)
    ]

    assert overlap_s(begins, lengths, EDGES) == pytest.approx(met, abs=1e-6)
    assert counts_in(begins, EDGES).sum() == begins.size


# -- names of lines -----------------------------------------------------------------------------------------------


@given(st.lists(st.floats(-50, 150), min_size=1, max_size=9))
def test_places_that_are_moved_apart_stay_in_order_and_in_their_room(wanted):
    places = labels.spread(np.array(wanted), 10.0, 0.0, 100.0)

    assert places is not None
    order = np.argsort(wanted, kind="stable")
    assert np.all(np.diff(places[order]) >= 10 - 1e-6)
    assert places.min() >= -1e-6
    assert places.max() <= 100 + 1e-6


def test_places_that_are_apart_stay_where_they_are():
    assert labels.spread(np.array([30.0, 10.0, 90.0]), 10.0, 0.0, 100.0).tolist() == [30.0, 10.0, 90.0]


def test_there_are_places_only_for_as_many_as_there_is_room():
    assert labels.spread(np.zeros(12), 10.0, 0.0, 100.0) is None


def lines(number, end=lambda n: n):
    figure, ((axes,),) = style.grid([1], style.DOUBLE)
    for n in range(number):
        axes.plot([0, 1], [0, end(n)], label=f"line {n}", **style.look(n))
    axes.set(xlabel="time [s]", ylabel="share")
    return figure, axes


@pytest.mark.parametrize("end", [lambda n: n, lambda n: 1, lambda n: n // 3])
def test_a_few_lines_are_named_where_they_end(end):
    figure, axes = lines(labels.MOST_NAMED, end)

    labels.name_lines(figure, [axes])

    assert not figure.legends
    assert len(axes.texts) == labels.MOST_NAMED
    assert_can_be_read(figure)


def test_many_lines_are_named_in_a_legend():
    figure, axes = lines(labels.MOST_NAMED + 1)

    labels.name_lines(figure, [axes])

    assert len(figure.legends) == 1
    assert not axes.texts
    assert_can_be_read(figure)


def test_names_beside_lines_lie_over_no_line():
    figure, axes = lines(4)

    labels.name_lines(figure, [axes], along=True)

    assert len(axes.texts) == 4
    assert_can_be_read(figure)
    paths = [axes.transData.transform(np.column_stack([np.linspace(0, 1, 500)] * 2) * [1, n]) for n in range(4)]
    for text in axes.texts:
        box = text.get_window_extent()
        assert not any(box.contains(*point) for path in paths for point in path)


def test_lines_that_are_one_are_not_named_beside_it():
    figure, axes = lines(2, lambda n: 1)

    labels.name_lines(figure, [axes], along=True)

    assert len(figure.legends) == 1


def test_runs_are_called_by_what_they_differ_in():
    one, other, third = RunKey("a", "p", 1), RunKey("a", "dir/mine.py:q", 1), RunKey("b", "p", 1)

    assert naming.run_names([one, other]) == ["p", "mine.py:q"]
    assert naming.run_names([one, third]) == ["a", "b"]
    assert naming.run_names([one, other, third]) == ["a, p", "a, mine.py:q", "b, p"]


# -- the life of a job --------------------------------------------------------------------------------------------


def test_a_job_that_conflicts_is_drawn_with_its_conflicts_and_its_hosts(frames_of):
    frames = frames_of("several")
    key = next(key for key in frames.firsts if key.architecture == "shared-state" and key.policy == "binpack")
    log = frames.log(key, ["event", "job"])
    job = log.loc[log["event"] == "conflicted", "job"].iloc[0]

    figure = jobs.life(frames, key, job)

    assert_can_be_read(figure)
    conflicts = next(line for line in figure.axes[0].lines if line.get_label() == "conflict")
    assert len(conflicts.get_xdata()) == ((log["event"] == "conflicted") & (log["job"] == job)).sum()
    assert len(figure.axes) == 3


def test_without_hosts_in_the_log_the_life_of_a_job_says_so(tmp_path):
    study = replace(ONE, hosts="3", host_cpus=1.0, until_s=60.0)
    frames = results(tmp_path / "study", study, "a,0,batch,3,5,1,1\n")

    figure = jobs.life(frames, frames.runs[0], "a")

    assert len(figure.axes) == 2
    assert "--detail tasks" in figure._suptitle.get_text()
    assert_can_be_read(figure)
    running = next(line for line in figure.axes[1].lines if line.get_label() == "running")
    assert max(running.get_ydata()) == 3
    assert running.get_ydata()[-1] == 0


def test_containers_that_had_to_go_are_marked(tmp_path):
    trace = "low,0,batch,1,500,1,1,0\nhigh,10,batch,1,20,1,1,9\n"
    study = replace(
        ONE, hosts="1", host_cpus=1.0, until_s=100.0, architectures=("monolithic:preempt=true",), queue="priority"
    )
    frames = results(tmp_path / "study", study, trace)

    figure = jobs.life(frames, frames.runs[0], "low", style.SINGLE)

    assert "pre-empted" in {text.get_text() for text in figure.legends[0].get_texts()}
    assert_can_be_read(figure)


def test_a_job_that_no_host_could_hold_is_drawn_too(tmp_path):
    frames = results(tmp_path / "study", ONE, "a,0,batch,1,5,1,1\nhuge,0,batch,1,5,99999,1\n")

    figure = jobs.life(frames, frames.runs[0], "huge")

    assert "nothing of it ran" in figure._suptitle.get_text()
    assert_can_be_read(figure)


def test_a_job_that_is_not_there_is_named_with_one_that_is(frames_of):
    frames = frames_of("one")
    job = frames.names_of_jobs(frames.runs[0])[0]

    with pytest.raises(UserError, match=f"no job '{job}x'; did you mean '{job}'"):
        jobs.life(frames, frames.runs[0], f"{job}x")


def test_figures_of_jobs_with_alike_names_are_different_files():
    assert len({jobs.stem(job) for job in ("a/b", "a b", "a-b", "a" * 200, "a" * 201)}) == 5


# -- traces that are gone -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("change", "why"), [("gone", "no such file"), ("other", "is not what it was")])
def test_without_its_trace_a_study_has_all_figures_but_that_by_demand_shape(tmp_path, change, why):
    trace = "a,0,batch,2,5,1,1\nb,1,service,2,30,1,1\n"
    frames = results(tmp_path / "study", replace(SHARED, seeds=(1,), until_s=60.0), trace)
    assert "slowdown_by_shape" in {picture.stem for picture in pictures(frames)}

    file = tmp_path / "study" / "jobs.csv"
    if change == "gone":
        file.unlink()
    else:
        file.write_text(rows("a,0,batch,2,5,1,1\n"))

    assert {picture.stem for picture in pictures(frames)} == OF_LOG | OF_SHARED_HOSTS - {"slowdown_by_shape"}
    assert why in left_out(frames)


# -- the command --------------------------------------------------------------------------------------------------


def towtank_plot(*words):
    return CliRunner().invoke(plot, [str(word) for word in words])


def test_plot_says_in_one_line_what_it_left_out_and_why(frames_of):
    frames = frames_of("without a log")

    ended = towtank_plot(frames.results.folder, "--format", "svg")

    assert {line.rpartition("/")[2] for line in ended.stdout.splitlines()} == {f"{stem}.svg" for stem in OF_SUMMARY}
    (line,) = ended.stderr.splitlines()
    assert line.startswith("towtank: left out: allocation, ")
    assert "(no log: --detail jobs or tasks)" in line


@pytest.mark.parametrize(("width", "inches"), [("single", style.SINGLE), ("double", style.DOUBLE)])
def test_plot_draws_one_figure_in_the_kinds_and_the_width_that_are_asked_for(frames_of, width, inches):
    folder = frames_of("one").results.folder

    ended = towtank_plot(
        folder, "--only", "busyness", "--format", "pdf", "--format", "png", "--format", "pdf", "--width", width
    )

    assert ended.stdout.splitlines() == [str(folder / "figures" / "busyness.pdf")]
    assert f"/MediaBox [ 0 0 {inches * 72:g} ".encode() in (folder / "figures" / "busyness.pdf").read_bytes()
    assert (folder / "figures" / "busyness.png").exists()


def test_plot_draws_the_life_of_a_job_in_the_run_that_is_asked_for(frames_of):
    frames = frames_of("several")
    job, key = frames.names_of_jobs(frames.runs[-1])[0], frames.runs[-1]

    ended = towtank_plot(frames.results.folder, "--job", job, "--run", f"{key.architecture},{key.policy},{key.seed}")

    assert ended.stdout.splitlines() == [str(frames.results.figures / f"{jobs.stem(job)}.png")]


def test_a_shell_completes_figures_and_runs(frames_of):
    folder = str(frames_of("several").results.folder)
    command = ShellComplete(plot, {}, "plot", "_PLOT_COMPLETE")

    figures = [item.value for item in command.get_completions([folder, "--only"], "wait")]
    found = [item.value for item in command.get_completions([folder, "--job", "a", "--run"], "shared-state,b")]

    assert figures == ["wait_and_busyness", "wait_distribution"]
    assert found == ["shared-state,binpack,1", "shared-state,binpack,2"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--only", "wait"], "there is no figure 'wait'; there are wait_and_busyness, "),
        (["--only", "use"], "nothing to draw: use (use is not measured: --contention on)"),
        (["--run", "a,b,1"], "give --job"),
        (["--only", "use", "--job", "a"], "give one of them"),
        (
            ["--job", "a", "--run", "monolithic,spread,2"],
            "has no such finished run (there are: monolithic,spread,1); did you mean",
        ),
        (["--job", "nobody"], "there is no job 'nobody'"),
        (["--format", "gif"], "'gif' is not one of"),
    ],
)
def test_what_cannot_be_drawn_is_named(frames_of, words, complaint):
    ended = towtank_plot(frames_of("one").results.folder, *words)

    assert ended.exit_code
    assert complaint in ended.stderr + str(ended.exception)
