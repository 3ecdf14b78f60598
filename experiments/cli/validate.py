"""``towtank validate``: the tank against the sea."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from experiments.cli import named
from experiments.cli.options import SCHEDULERS, SEA, SEEDS, SHARING, WORKLOAD, grouped
from experiments.cli.run import check
from experiments.results.study import Study

if TYPE_CHECKING:
    from experiments.running.validation import Validation

EXAMPLE = """
\b
Example:
  towtank validate --on docker:hosts.toml --policy spread --policy predicted-contention --seeds 1,2,3 --out results/sea
"""

#: What is as usual here, and not in a run: a workload of minutes, and measurements to match.
DEFAULTS = {"trace": "generated:cpu-io-small", "measure_s": "2s", "architectures": ("monolithic",)}


@click.command(epilog=EXAMPLE, context_settings={"default_map": DEFAULTS})
@click.option(
    "--on",
    type=named.File("docker:"),
    required=True,
    metavar="docker:INVENTORY",
    help="The Docker hosts to compare the tank with: of an inventory FILE.toml, of addresses or of contexts.",
)
@click.option(
    "--profile",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="An inventory that says what was measured of these hosts [default: that of --on]; how big they are in the "
    "tank is what is free on them now.",
)
@click.option(
    "--within",
    "target",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.1,
    show_default=True,
    metavar="SHARE",
    help="How far apart tank and sea may be for a measure to hold.",
)
@grouped(WORKLOAD, SCHEDULERS, SHARING, SEEDS, SEA)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Results directory: sea/, tank/, tables, report.md, figures. Taken up again if it holds this configuration.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as JSON and nothing else.")
def validate(
    on: str, profile: Path | None, target: float, yes: bool, dry_run: bool, processes: int | None, out: Path | None,
    as_json: bool, **choices: Any,
) -> None:  # fmt: skip
    """Run a workload on Docker hosts and in the tank, and say how far apart they were.

    The first --policy is the one that others are measured by.
    """
    import tempfile

    from experiments.cli import sea as before
    from experiments.cli.progress import Progress
    from experiments.running.runner import cores
    from experiments.running.validation import as_json as plain
    from experiments.running.validation import both_worlds, machines
    from experiments.running.validation import validate as run

    for name in ("architectures", "policies"):
        choices[name] = tuple(dict.fromkeys(choices[name]))
    tank, sea = both_worlds(Study(**choices), on)
    check(tank)
    before.check_at_sea(sea)
    if dry_run:
        before.dry_run(sea)
        return
    if not before.wanted(sea, yes):
        return
    hosts = machines(before.look(sea), profile)
    with tempfile.TemporaryDirectory(prefix="towtank-") as folder:
        where = out or Path(folder) / "validation"
        show = Progress(as_json, expected=2 * len(list(sea.runs())))
        try:
            validation = run(tank, sea, hosts, where, target, processes or cores(), show)
        finally:
            show.close()
    if as_json:
        click.echo(json.dumps(plain(validation), indent=2))
        return
    print_validation(validation)
    if out is None:
        click.echo("\nNothing was kept; --out DIR keeps logs, tables, figures and a report.")
    else:
        _draw(out)


def _draw(out: Path) -> None:
    from experiments.drawing.catalogue import draw_all
    from experiments.drawing.comparison import draw_comparison

    for folder in (out / "tank", out / "sea"):
        draw_all(folder)
    paths = draw_comparison(out)
    click.echo(f"\nFigures: {out / 'figures'} ({', '.join(path.stem for path in paths)})")
    click.echo(f"Report: {out / 'report.md'}   Tables: {out / 'validation.csv'}, factors.csv, decisions.csv")


def print_validation(validation: Validation) -> None:
    """Print the tables of a validation for a person."""
    from experiments.running import validation_report as told

    agreed = validation.agreement
    for note in validation.notes:
        click.echo(f"note: {note}")
    _print_table(told.ROW_HEADINGS, [told.row_cells(row) for row in agreed.rows])
    if agreed.factors:
        click.echo(f"\nTimes as good as {agreed.factors[0].baseline}:")
        _print_table(told.FACTOR_HEADINGS, [told.factor_cells(factor) for factor in agreed.factors])
    click.echo()
    for line in told.ranking_lines(agreed) + told.decision_lines(agreed):
        click.echo(line.replace("`", ""))
    click.echo(f"\nWithin {validation.target:.0%} of the sea: {agreed.verdict}.")


def _print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    shown = Table(box=None, pad_edge=False, header_style="bold")
    for number, heading in enumerate(headings):
        shown.add_column(
            heading, justify="left" if number < 3 or heading == "verdict" else "right", no_wrap=number >= 2
        )
    for row in rows:
        shown.add_row(*row)
    Console(width=220, highlight=False).print(shown)
