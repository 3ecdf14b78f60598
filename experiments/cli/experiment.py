"""``towtank experiment``: the studies, by name."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from experiments.cli import named
from experiments.cli.kinds import Seeds

if TYPE_CHECKING:
    from experiments.results.result import Result
    from experiments.running.experiment import Outcome
    from experiments.running.runner import Watcher


@click.group()
def experiment() -> None:
    """Make the studies that come with Towtank."""


@experiment.command("list", epilog="Example: towtank experiment list")
def list_() -> None:
    """List the experiments, with the question that each answers."""
    from experiments.running.experiment import find, name_of, names, question

    for one in find(names()):
        click.echo(f"{name_of(one):18}{question(one)}")


@experiment.command("run", epilog="Example: towtank experiment run omega_fig05 --scale small")
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
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("results/experiments"),
    show_default=True,
    metavar="DIR",
    help="Folder for tables, checks and figures.",
)
def run(
    names: tuple[str, ...],
    scale: str,
    seeds: tuple[int, ...] | None,
    trace: str | None,
    policies: tuple[str, ...],
    processes: int | None,
    out: Path,
) -> None:
    """Make experiments: tables, figures, and what is claimed beside what came out.

    The name of a series, as omega, stands for all of it.
    """
    from experiments.cli.progress import Progress
    from experiments.running import experiment as running
    from experiments.running.runner import cores

    plan = running.Plan(running.Scale(scale), seeds, trace, policies)
    shown: list[Progress] = []

    def begin(runs: int) -> tuple[Watcher, Callable[[Result], None]]:
        shown.append(Progress(runs))
        return shown[0].watch, shown[0].finished

    try:
        outcomes = running.run(running.find(names), plan, out, processes or cores(), begin)
    finally:
        for progress in shown:
            progress.close()
    _print(outcomes)
    click.echo(f"Tables, checks and figures: {out}")


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
