"""``towtank experiment``: the studies, by name."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from experiments.cli import named
from experiments.cli.kinds import Seeds
from experiments.cli.options import DASK, executors_of
from experiments.cli.spelling import command_of

if TYPE_CHECKING:
    from experiments.running.experiment import Outcome, Plan
    from experiments.running.runner import Failure


@click.group()
def experiment() -> None:
    """Make the studies that come with Towtank."""


@experiment.command("list", epilog="Example: towtank experiment list")
def list_() -> None:
    """List the experiments, with the question that each answers."""
    from experiments.running.experiment import find, name_of, names, question

    found = find(names())
    width = max(len(name_of(one)) for one in found)
    for one in found:
        click.echo(f"{name_of(one):{width}}  {question(one)}")


EXAMPLES = """
\b
Examples:
  towtank experiment run omega_fig05 --scale small
  towtank experiment run path/to/mine.py --dask tcp://10.0.0.1:8786
"""


@experiment.command("run", epilog=EXAMPLES)
@click.argument("names", type=named.EXPERIMENT, metavar="NAME...", nargs=-1, required=True)
@click.option(
    "--scale",
    type=click.Choice(["small", "paper"]),
    default="small",
    show_default=True,
    help="A minute or two each, or as large as what it is compared with.",
)
@click.option("--seeds", type=Seeds(), metavar="N,N,…", help="One run of everything for each [default: the scale's].")
@click.option(
    "--trace",
    type=named.TRACE,
    metavar="[FORMAT:]PATH",
    help="A recording that stands for the generated workload, where an experiment can use one.",
)
@click.option(
    "--policy",
    "policies",
    type=named.POLICY,
    multiple=True,
    metavar="NAME",
    help="Placement policies to compare, where an experiment compares such; repeatable [default: its own].",
)
@click.option(
    "--processes", type=click.IntRange(min=1), metavar="N", help="Runs that go on at once [default: one a core]."
)
@DASK
@click.option("--fresh", is_flag=True, help="Make runs again that are there already.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("results/experiments"),
    show_default=True,
    metavar="DIR",
    help="Folder for tables, checks and figures, and for the runs they are made of, each of which is made once.",
)
def run(
    names: tuple[str, ...],
    scale: str,
    seeds: tuple[int, ...] | None,
    trace: str | None,
    policies: tuple[str, ...],
    processes: int | None,
    dask: str | None,
    fresh: bool,
    out: Path,
) -> None:
    """Make experiments: tables, figures, and what is claimed beside what came out.

    NAME is one of those listed, or path/to/mine.py; that of a series, as omega, stands for all of it.
    """
    from experiments.cli.progress import Progress
    from experiments.running import experiment as running

    plan = running.Plan(running.Scale(scale), seeds, trace, policies)
    found, executors = running.find(names), executors_of(processes, dask)
    show = Progress()
    try:
        outcomes = running.run(found, plan, out, executors, show, fresh)
    finally:
        show.close()
    concluded = [outcome for outcome in outcomes if not outcome.failed]
    if any(outcome.checks for outcome in concluded):
        _print(concluded)
    if concluded:
        click.echo(f"Tables, checks and figures: {out}")
    if show.failures:
        show.tell_failures(lambda failure: _command(failure, names, plan, out))
        for outcome in outcomes:
            if outcome.failed:
                told = f"{running.name_of(outcome.experiment)}: nothing is concluded"
                click.echo(f"towtank: {told}, {outcome.failed} of its {outcome.runs} runs failed", err=True)
        click.echo("towtank: the same command makes only the runs again that failed", err=True)
        raise SystemExit(2)


def _command(failure: Failure, names: Sequence[str], plan: Plan, out: Path) -> str:
    """Give the command that makes a run again: that of the experiment, where a run is more than its metrics."""
    run = failure.run
    if run.fold is None and run.work is None:
        return command_of(run.study, run.key)
    words = ["towtank", "experiment", "run", *names, "--scale", str(plan.scale), "--out", str(out)]
    if plan.seeds is not None:
        words += ["--seeds", ",".join(map(str, plan.seeds))]
    if plan.trace is not None:
        words += ["--trace", plan.trace]
    return shlex.join(words + [word for policy in plan.policies for word in ("--policy", policy)])


def _print(outcomes: list[Outcome]) -> None:
    from rich.console import Console
    from rich.table import Table

    shown = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("source", "claim", "expected", "ours", "verdict"):
        shown.add_column(heading, overflow="fold")
    checks = [check for outcome in outcomes for check in outcome.checks]
    for check in checks:
        shown.add_row(check.source, check.claim, check.expected, check.ours, check.verdict)
    console = Console(width=None if sys.stdout.isatty() else 180, highlight=False)
    console.print(shown)
    console.print()
    for note, those in groupby(sorted((c for c in checks if c.note), key=lambda c: c.note), lambda c: c.note):
        console.print(f"{'; '.join(f'{check.source}: {check.claim}' for check in those)}: {note}.", style="dim")
