"""``towtank run``: the main job."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from math import inf, isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from experiments.cli.options import DEFAULT, STUDY, executors_of, grouped
from experiments.cli.spelling import command_of
from experiments.results.study import Detail, Study
from policies.errors import UserError
from policies.sharing import disk_named

if TYPE_CHECKING:
    from experiments.results.result import Result

#: Notes that are printed before the table.
FEW = 3

#: Between the columns of the table.
GAP = 2

#: How wide the table may be in a pipe, where nobody sees the end of a line.
UNBROKEN = 10_000

EXAMPLE = """
\b
Examples:
  towtank run --out results/first
  towtank run --trace jobs.csv --hosts 1000 --architecture shared-state --schedulers batch=4
  towtank run --trace google2011:data/google2011 --hosts trace --policy spread --policy mine.py:score
"""


@click.command(epilog=EXAMPLE)
@grouped(STUDY)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Results directory: log, metrics, figures. Taken up again if it holds this configuration.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the metrics as JSON and nothing else.")
@click.option("--figures/--no-figures", default=True, help="Whether figures are drawn into the results directory.")
def run(
    contention: str, on: str, yes: bool, dry_run: bool, processes: int | None, dask: str | None, out: Path | None,
    as_json: bool, figures: bool, detail: str, **choices: Any,
) -> None:  # fmt: skip
    """Replay a workload under each architecture × policy × seed."""
    from experiments.cli.progress import Progress
    from experiments.running.executors import Local
    from experiments.running.runner import run_study

    executors = executors_of(processes, dask)
    for name in ("architectures", "policies", "explain", "of"):
        choices[name] = tuple(dict.fromkeys(choices[name]))
    # Docker hosts are shared, whether or not that is looked at.
    shared = contention == "on" or on != DEFAULT.on
    study = Study(**choices, on=on, contention=shared, detail=Detail(detail))
    check(study)
    if on != DEFAULT.on:
        from experiments.cli import sea

        sea.check_at_sea(study)
        if dry_run:
            sea.dry_run(study)
            return
        if not sea.wanted(study, yes):
            return
        if dask is not None:
            raise UserError("--dask is for runs in the tank: Docker hosts have one run after the other")
        executors = Local(1)  # one run after the other: they have the same hosts
    elif dry_run:
        raise UserError("--dry-run is for Docker hosts: a run in the tank starts nothing anyway")
    show = Progress(as_json)
    try:
        # At sea a failure may be the hosts', which others share: nobody goes on by himself.
        results = run_study(study, out, executors, show, keep_going=on == DEFAULT.on)
    finally:
        show.close()
    if results:
        _report(study, results, out, as_json, figures)
    if show.failures:
        show.tell_failures(lambda failure: command_of(study, failure.run.key))
        click.echo(f"towtank: {_goes_on(len(show.failures), out)}", err=True)
        raise SystemExit(2)


def _goes_on(failed: int, out: Path | None) -> str:
    runs = "a run" if failed == 1 else f"{failed} runs"
    again = "the same command makes only these again" if out is not None else "with --out DIR the others would be kept"
    return f"{runs} failed; {again}"


def _report(study: Study, results: list[Result], out: Path | None, as_json: bool, figures: bool) -> None:
    """Print what came of it, and draw it."""
    if as_json:
        print(json.dumps({"runs": [_as_json(result) for result in results]}, indent=2))
    else:
        _print(study, results)
        if study.explain:
            from experiments.cli.explained import print_explained

            print_explained(results)
    if out is not None and figures and study.detail is not Detail.SUMMARY:
        from experiments.drawing.catalogue import draw_all

        paths = draw_all(out)
        if not as_json:
            click.echo(f"\nFigures: {out / 'figures'} ({', '.join(path.stem for path in paths)})")
    if out is not None and not as_json:
        click.echo(f"Summary: {out / 'summary.csv'}   Log: {out / 'log'}")
        click.echo(f"One page to send: {shlex.join(['towtank', 'report', str(out)])}")
    elif not as_json:
        click.echo("\nNothing was kept; --out DIR keeps the log, the metrics and figures.")


def check(study: Study) -> None:
    """Refuse what is wrong before anything is read or written."""
    from experiments.running import choices
    from experiments.running.at_sea import is_at_sea
    from experiments.running.simulate import settings_of

    is_at_sea(study)
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
    if study.precision is None:
        for name in ("of", "max_seeds"):
            if getattr(study, name) != getattr(DEFAULT, name):
                raise UserError(f"--{name.replace('_', '-')} has no effect without --precision")
    elif len(study.seeds) > study.max_seeds:
        raise UserError(f"--seeds gives {len(study.seeds)} seeds, and --max-seeds no more than {study.max_seeds}")
    if study.measure_s <= 0:
        raise UserError("--measure-every must be more than 0")
    if study.until_s is not None and study.until_s <= 0:
        raise UserError("--until must be more than 0")
    if study.until_s is not None and study.until_s <= study.warm_up_s:
        raise UserError("--warm-up must end before --until")
    if not 0 < study.host_cpus < inf or study.host_memory_bytes <= 0:
        raise UserError("--host-cpus and --host-memory must be more than 0")


def _as_json(result: Result) -> dict[str, Any]:
    explained = {"explain": result.explained} if result.explained else {}
    return {**result.key._asdict(), "metrics": result.metrics, "cost": result.cost, **explained}


def _print(study: Study, results: list[Result]) -> None:
    from rich.console import Console
    from rich.table import Table

    from experiments.results.summary import NAMES, legend, parts, table

    first = results[0].metrics
    aside = f"; {first['rows_rejected']} of {first['rows_read']} rows put aside" if first["rows_rejected"] else ""
    after = f", after {study.warm_up_s:g} s of warm-up" if study.warm_up_s else ""
    click.echo(
        f"{study.trace}: {first['jobs_submitted']} jobs, {first['tasks_submitted']} containers"
        f" in {first['horizon_s']:.6g} s{after}{aside}"
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
    console = Console(width=None if sys.stdout.isatty() else UNBROKEN, highlight=False)
    console.print()
    for headings, rows in parts(*table(results), console.width, GAP):
        shown = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
        for number, heading in enumerate(headings):
            # Names that do not fit are broken, not cut: policies of one file differ at their ends.
            shown.add_column(
                heading, justify="left" if number < NAMES else "right", no_wrap=number >= NAMES, overflow="fold"
            )
        for row in rows:
            shown.add_row(*row)
        console.print(shown)
        console.print()
    seeds = len({result.key.seed for result in results})
    if seeds > 1:
        console.print(f"Means of {seeds} seeds with their 95 % t-intervals.", style="dim")
    for line in legend(results):
        console.print(line, style="dim")
    for line in _precise(study, results, seeds):
        click.echo(line)


def _precise(study: Study, results: list[Result], seeds: int) -> Iterator[str]:
    """Say whether seeds were enough for the precision that was asked for."""
    from experiments.measures.stopping import shortfalls

    if study.precision is None:
        return
    short = shortfalls(results, study.of, study.precision)
    asked = f"± {100 * study.precision:g} %"
    if not short:
        yield f"\n{', '.join(study.of)}: within {asked} after {seeds} seeds."
    for one in short:
        width = f"± {100 * one.share:.2g} %" if isfinite(one.share) else "not to be told"
        yield f"note: {one.metric} of {one.architecture} {one.policy} is {width} after {seeds} seeds, not {asked}"
