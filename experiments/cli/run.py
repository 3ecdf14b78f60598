"""``towtank run``: the main job."""

from __future__ import annotations

import json
import sys
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from experiments.cli.kinds import Cores, PerClass, Seeds, Size, Time
from experiments.running.study import Detail, Study
from policies.errors import UserError
from policies.sharing import disk_named

if TYPE_CHECKING:
    from experiments.running.simulate import Result

DEFAULT = Study()

#: Notes that are printed before the table.
FEW = 3

EXAMPLE = """
\b
Examples:
  towtank run --out results/first
  towtank run --trace jobs.csv --hosts 1000 --architecture shared-state --schedulers batch=4
  towtank run --trace google2011:data/google2011 --hosts trace --policy spread --policy mine.py:score
"""


@click.command(epilog=EXAMPLE)
@click.option(
    "--trace",
    default=DEFAULT.trace,
    show_default=True,
    metavar="[FORMAT:]PATH",
    help="The workload; generated:default is the embedded one, generated:omega-a to -d are like Omega's clusters, "
    "generated:FILE is one described in TOML.",
)
@click.option(
    "--speed",
    type=float,
    default=DEFAULT.speed,
    show_default=True,
    metavar="X",
    help="Divide the times of the trace (submissions, run times) by X; rates and decision times stay.",
)
@click.option("--prefill", metavar="FILE", help="Native jobs that run from the beginning, placed at random.")
@click.option(
    "--until",
    "until_s",
    type=Time(),
    metavar="TIME",
    help="Stop then [default: at the end of the recording, or when the last container ended].",
)
@click.option(
    "--hosts",
    metavar="N|FILE|trace",
    help="Machines: how many, a file of them (CSV, Parquet, or an inventory FILE.toml), or the trace's own "
    "[default: the trace's own].",
)
@click.option(
    "--host-cpus", type=float, default=DEFAULT.host_cpus, show_default=True, help="Cores of each, with --hosts N."
)
@click.option(
    "--host-memory",
    "host_memory_bytes",
    type=Size(),
    default="64GiB",
    show_default=True,
    help="Memory of each, with --hosts N.",
)
@click.option(
    "--start-time",
    "start_s",
    type=Time(),
    default="0",
    show_default=True,
    metavar="TIME",
    help="How long a container takes to start, on hosts that an inventory tells nothing of; plus --start-work.",
)
@click.option(
    "--start-work",
    "start_cpu_s",
    type=Time(),
    default="0",
    show_default=True,
    metavar="TIME",
    help="How long a core of such a host works for a start; with --contention on it competes with what runs there.",
)
@click.option(
    "--architecture",
    "architectures",
    multiple=True,
    default=DEFAULT.architectures,
    show_default=True,
    metavar="NAME",
    help="Who schedules; repeatable. See `towtank policies`.",
)
@click.option(
    "--policy",
    "policies",
    multiple=True,
    default=DEFAULT.policies,
    show_default=True,
    metavar="NAME",
    help="Where containers go: a name or path/to/mine.py:my_score; repeatable. See `towtank policies`.",
)
@click.option(
    "--schedulers",
    type=PerClass("class=N", whole=True, only_per_class=True),
    metavar="CLASS=N,…",
    help="Schedulers for each workload class [default: 1 each; monolithic has one for all].",
)
@click.option(
    "--t-job",
    "t_job_s",
    type=PerClass("seconds"),
    default="0.1",
    show_default=True,
    metavar="TIME|CLASS=TIME,…",
    help="Decision time for a job.",
)
@click.option(
    "--t-task",
    "t_task_s",
    type=PerClass("seconds"),
    default="0.005",
    show_default=True,
    metavar="TIME|CLASS=TIME,…",
    help="Decision time for each of its containers.",
)
@click.option(
    "--conflict",
    type=click.Choice(["fine", "coarse"]),
    default=DEFAULT.conflict,
    show_default=True,
    help="A claim conflicts if it no longer fits (fine), or if the host was claimed on since (coarse).",
)
@click.option(
    "--commit",
    type=click.Choice(["incremental", "gang"]),
    default=DEFAULT.commit,
    show_default=True,
    help="Keep the claims that hold, or all or nothing.",
)
@click.option(
    "--queue",
    default=DEFAULT.queue,
    show_default=True,
    metavar="NAME",
    help="In which order a scheduler takes jobs: fifo, priority, fair-share or backfill. See `towtank policies`.",
)
@click.option(
    "--quota",
    "quotas",
    type=Cores(),
    metavar="USER=CORES,…",
    help="Cores that a user may have at a time, * for everybody not named; jobs beyond wait [default: no quotas].",
)
@click.option(
    "--mapreduce",
    default=DEFAULT.mapreduce,
    show_default=True,
    metavar="NAME",
    help="How many workers a MapReduce job gets; extra ones take idle room alone. See `towtank policies`.",
)
@click.option(
    "--contention",
    type=click.Choice(["on", "off"]),
    default="off",
    show_default=True,
    help="Whether containers of one host share it, and slow each other down; the next eight options say how.",
)
@click.option(
    "--host-disk",
    default=DEFAULT.host_disk,
    show_default=True,
    metavar="CLASS",
    help="Disk of hosts that say nothing of theirs: HDD, SSD_QD1, SSD_DFL, SSD_FAST, or BYTES/S:IOPS as in 10M:415.",
)
@click.option(
    "--host-net", "host_net_bps", type=Size(), metavar="SIZE", help="Network of such hosts, bytes a second [no limit]."
)
@click.option(
    "--isolation",
    default=DEFAULT.isolation,
    show_default=True,
    metavar="NAME",
    help="How hosts keep containers from each other: none, shares, caps or bands. See `towtank policies`.",
)
@click.option(
    "--interference",
    type=click.FloatRange(min=0),
    default=DEFAULT.interference,
    show_default=True,
    help="How much containers mind each neighbour beyond what it takes: 1 as Google's average, 0.3 % each.",
)
@click.option(
    "--wake-up",
    "wake_up_s",
    type=Time(),
    metavar="TIME",
    help="How long each disk request waits for the CPU, for each thread of others on each core; 2 ms was measured "
    "[default: as an inventory's profiles say, else 0].",
)
@click.option(
    "--measure-every",
    "measure_s",
    type=Time(),
    default="60s",
    show_default=True,
    metavar="TIME",
    help="How often the use of hosts is measured for policies that go by it.",
)
@click.option(
    "--estimate-error",
    type=click.FloatRange(min=0),
    default=DEFAULT.estimate_error,
    show_default=True,
    help="Error of what policies are told that containers will use: standard deviation of the logarithm.",
)
@click.option("--seeds", type=Seeds(), default="1", show_default=True, metavar="N,N,…", help="One run for each.")
@click.option(
    "--processes", type=click.IntRange(min=1), metavar="N", help="Runs that go on at once [default: one a core]."
)
@click.option(
    "--on",
    "world",
    default="tank",
    show_default=True,
    metavar="tank",
    help="Where to run. Docker hosts are not there yet.",
)
@click.option(
    "--detail",
    type=click.Choice([d.value for d in Detail]),
    default=DEFAULT.detail.value,
    show_default=True,
    help="How much of the log is written.",
)
@click.option(
    "--on-bad-row",
    type=click.Choice(["stop", "skip"]),
    default=DEFAULT.on_bad_row,
    show_default=True,
    help="Stop at a row of the trace that cannot be used, or put it aside and count it.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Results directory: log, metrics, figures. Taken up again if it holds this configuration.",
)
@click.option(
    "--explain",
    multiple=True,
    metavar="JOB",
    help="Tell host by host why the containers of this job went where they went; repeatable.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the metrics as JSON and nothing else.")
@click.option("--figures/--no-figures", default=True, help="Whether figures are drawn into the results directory.")
def run(
    contention: str, world: str, processes: int | None, out: Path | None, as_json: bool, figures: bool, detail: str,
    **choices: Any,
) -> None:  # fmt: skip
    """Replay a workload under each architecture × policy × seed."""
    from experiments.cli.progress import Progress
    from experiments.running.runner import cores, run_study

    if world != "tank":
        raise UserError(f"--on {world}: only the tank is there yet")
    for name in ("architectures", "policies", "explain"):
        choices[name] = tuple(dict.fromkeys(choices[name]))
    study = Study(**choices, contention=contention == "on", detail=Detail(detail))
    _check(study)
    show = Progress(len(list(study.runs())), as_json)
    try:
        results = run_study(study, out, processes or cores(), show.watch, show.finished)
    finally:
        show.close()
    if as_json:
        print(json.dumps({"runs": [_as_json(result) for result in results]}, indent=2))
    else:
        _print(study, results)
        if study.explain:
            from experiments.cli.explained import print_explained

            print_explained(results)
    if out is not None and figures and study.detail is not Detail.SUMMARY:
        from experiments.drawing.figures import draw_all

        paths = draw_all(out)
        if not as_json:
            click.echo(f"\nFigures: {out / 'figures'} ({', '.join(path.stem for path in paths)})")
    if out is not None and not as_json:
        click.echo(f"Summary: {out / 'summary.csv'}   Log: {out / 'log'}")
    elif not as_json:
        click.echo("\nNothing was kept; --out DIR keeps the log, the metrics and figures.")


def _check(study: Study) -> None:
    """Refuse what is wrong before anything is read or written."""
    from experiments.running import choices
    from experiments.running.simulate import settings_of

    settings = settings_of(study)
    for name in study.architectures:
        choices.architecture(name).check(settings)
    for name in study.policies:
        choices.policy(name)
    choices.sizing(study.mapreduce)
    choices.isolation(study.isolation)
    disk_named(study.host_disk)
    if not study.contention:
        for name in ("host_net_bps", "isolation", "interference", "wake_up_s", "measure_s", "estimate_error"):
            if getattr(study, name) != getattr(DEFAULT, name):
                option = (
                    name.removesuffix("_bps").removesuffix("_s").replace("_", "-").replace("measure", "measure-every")
                )
                raise UserError(f"--{option} has no effect without --contention on")
    if not 0 < study.speed < inf:
        raise UserError("--speed must be more than 0")
    if study.measure_s <= 0:
        raise UserError("--measure-every must be more than 0")
    if study.until_s is not None and study.until_s <= 0:
        raise UserError("--until must be more than 0")
    if not 0 < study.host_cpus < inf or study.host_memory_bytes <= 0:
        raise UserError("--host-cpus and --host-memory must be more than 0")


def _as_json(result: Result) -> dict[str, Any]:
    explained = {"explain": result.explained} if result.explained else {}
    return {**result.key._asdict(), "metrics": result.metrics, "cost": result.cost, **explained}


def _print(study: Study, results: list[Result]) -> None:
    from rich.console import Console
    from rich.table import Table

    from experiments.measures.summary import legend, table

    first = results[0].metrics
    aside = f"; {first['rows_rejected']} of {first['rows_read']} rows put aside" if first["rows_rejected"] else ""
    click.echo(
        f"{study.trace}: {first['jobs_submitted']} jobs, {first['tasks_submitted']} containers"
        f" in {first['horizon_s']:.6g} s{aside}"
    )
    notes = list(dict.fromkeys(note for result in results for note in result.notes))
    for note in notes[:FEW]:
        click.echo(f"note: {note}")
    if len(notes) > FEW:
        click.echo(f"note: {len(notes) - FEW} more things were assumed: see `towtank trace info {study.trace}`")
    if study.schedulers and "monolithic" in study.architectures:
        click.echo("note: monolithic has one scheduler for all and ignores --schedulers")
    seen = {name.partition(".")[2] for name in first if name.startswith("wait_mean_s.")}
    for workload in sorted(set(study.schedulers or ()) - seen):
        click.echo(f"note: --schedulers names {workload}, and no job is of that class")
    if study.mapreduce != DEFAULT.mapreduce and "mapreduce_jobs" not in first:
        click.echo(f"note: --mapreduce {study.mapreduce}: none of the jobs is a MapReduce job")
    if first["tasks_out_of_memory"]:
        click.echo(f"note: {first['tasks_out_of_memory']} containers were ended for want of memory")
    over_quota = int(first["jobs_over_quota"] or 0)
    infeasible = int(first["jobs_infeasible"] or 0) - over_quota
    if infeasible:
        click.echo(f"note: {infeasible} jobs ask for what no host has; they were turned away")
    if over_quota:
        click.echo(f"note: {over_quota} jobs alone ask for more cores than --quota gives their user; turned away")
    if first["jobs_held"]:
        click.echo(f"note: {first['jobs_held']} jobs were never submitted: what they come after did not end")
    headings, rows = table(results)
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for number, heading in enumerate(headings):
        shown.add_column(heading, justify="left" if number < 2 else "right", no_wrap=number >= 2)
    for row in rows:
        shown.add_row(*row)
    console = Console(width=None if sys.stdout.isatty() else 220, highlight=False)
    console.print()
    console.print(shown)
    console.print()
    if len(study.seeds) > 1:
        console.print(f"Means of {len(study.seeds)} seeds with their 95 % t-intervals.", style="dim")
    for line in legend(results):
        console.print(line, style="dim")
