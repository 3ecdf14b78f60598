"""``towtank compare``: what runs say about one another."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from experiments.cli.kinds import Share
from experiments.cli.named import METRIC, ResultsFolder
from experiments.measures.statistics import Estimate
from policies.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from experiments.measures.comparing import Comparison
    from experiments.results.frames import Frames

EXAMPLE = """
\b
Examples:
  towtank compare results/first
  towtank compare results/first --baseline shared-state,random-first-fit --metric wait_mean_s --metric makespan_s
  towtank compare results/experiments/cpu_io_spreading.csv --by policy --where part=load --where disk=HDD \\
      --where load=0.6 --metric slowdown_mean
"""


@click.command(epilog=EXAMPLE)
@click.argument("path", metavar="DIR|FILE.csv", type=ResultsFolder(".csv"))
@click.option(
    "--metric",
    "metrics",
    type=METRIC,
    multiple=True,
    metavar="NAME",
    help="What to compare; repeatable; conflict_fraction and busyness are those of the worst group [default: waits, "
    "slowdown, makespan, conflicts, imbalance, where they differ].",
)
@click.option(
    "--baseline",
    metavar="ARCH,POLICY|ARCH|POLICY",
    help="What everything is compared with; a policy alone: the same architecture under that policy, and the other way "
    "round [default: the first].",
)
@click.option(
    "--by",
    metavar="COLUMN,…",
    default="architecture,policy",
    show_default=True,
    help="The columns that say which runs differ only in their seed.",
)
@click.option("--where", "where", multiple=True, metavar="COLUMN=VALUE", help="Only rows with this value; repeatable.")
@click.option(
    "--method",
    type=click.Choice(["t", "bootstrap"]),
    default="t",
    show_default=True,
    help="Intervals: Student's t and Fieller's, or the bootstrap (BCa), for many seeds with values far from normal.",
)
@click.option(
    "--confidence", type=Share(), default="95%", show_default=True, metavar="SHARE", help="How sure intervals are."
)
@click.option("--json", "as_json", is_flag=True, help="Print the comparisons as JSON and nothing else.")
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write the comparisons there, a row each.",
)
def compare(
    path: Path, metrics: tuple[str, ...], baseline: str | None, by: str, where: tuple[str, ...], method: str,
    confidence: float, as_json: bool, csv_file: Path | None,
) -> None:  # fmt: skip
    """Say how much runs differ, seed by seed, and how sure that is.

    DIR is a results directory, FILE.csv the table of an experiment or any other with a column `seed`.
    """
    from experiments.measures.comparing import Method, headlines, note
    from experiments.measures.warm_up import advice

    columns = [name.strip() for name in by.split(",")]
    frames = _frames(path)
    table = _where(_rows(path) if frames is None else frames.summary, where, path)
    try:
        compared = headlines(
            table, list(dict.fromkeys(metrics)), baseline, by=columns, confidence=confidence, method=Method(method)
        )
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    if csv_file is not None:
        _write(compared, csv_file)
    if as_json:
        found = {"comparisons": [one.record() for one in compared], "note": note(compared)}
        click.echo(json.dumps(found, indent=2))
        return
    if not compared:
        click.echo(_nothing(table, columns))
    for one in compared:
        click.echo(one.sentence)
    if compared:
        _print(compared)
        for said in (note(compared), "" if frames is None else advice(frames)):
            if said:
                click.echo(said)


def _frames(path: Path) -> Frames | None:
    if not path.is_dir():
        return None
    from experiments.results.frames import Frames

    return Frames(path)


def _rows(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_csv(path)
    except FileNotFoundError:
        raise UserError(f"{path} is not there") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a table of comma-separated values ({str(error).splitlines()[0]})") from None


def _where(table: pd.DataFrame, where: tuple[str, ...], path: Path) -> pd.DataFrame:
    """Keep the rows that are wanted; numbers are compared as numbers."""
    for condition in where:
        column, equals, value = condition.partition("=")
        if not equals:
            raise UserError(f"--where {condition}: not of the form column=value")
        if column not in table:
            raise UserError(f"{path}: --where {condition}: there is no column {column!r}")
        there = table[column]
        try:
            kept = table[there == float(value)] if there.dtype.kind in "fiu" else table[there.astype(str) == value]
        except ValueError:
            kept = table.iloc[:0]
        if kept.empty:
            values = ", ".join(map(str, there.drop_duplicates().head(10)))
            raise UserError(f"{path}: --where {condition}: no row has that; there are {values}")
        table = kept
    return table


def _nothing(table: pd.DataFrame, by: list[str]) -> str:
    if len(table.drop_duplicates(by)) == 1:
        return "There is one group of runs: nothing to compare it with."
    return "The runs differ in none of what is compared by default; --metric names something else."


def _write(compared: list[Comparison], file: Path) -> None:
    import pandas as pd

    from traces.whole import written_whole

    with written_whole(file) as unfinished:
        pd.DataFrame([one.record() for one in compared]).to_csv(unfinished, index=False)


def _print(compared: list[Comparison]) -> None:
    from rich.console import Console
    from rich.table import Table

    shown = Table(box=None, pad_edge=False, header_style="bold")
    for number, heading in enumerate(
        ("metric", "runs", "mean", "difference", "in proportion", "p", "p (Holm)", "seeds")
    ):
        shown.add_column(heading, justify="left" if number < 2 else "right", no_wrap=number >= 2)
    for baseline in dict.fromkeys((one.metric, one.baseline) for one in compared):
        these = [one for one in compared if (one.metric, one.baseline) == baseline]
        shown.add_row(baseline[0], baseline[1], _mean(these[0].theirs, these[0].unit), "baseline")
        for one in these:
            shown.add_row(one.metric, one.group, _mean(one.own, one.unit), *_apart(one), str(one.pairs))
    console = Console(width=None if sys.stdout.isatty() else 220, highlight=False)
    console.print()
    console.print(shown)
    console.print()
    console.print(
        f"Means over seeds with {100 * compared[0].confidence:g} % intervals; differences are of pairs of one seed, in "
        "proportion to the baseline's mean; p: paired t-test.",
        style="dim",
    )


def _mean(own: Estimate, unit: str) -> str:
    from math import isfinite

    from experiments.measures.comparing import with_interval
    from experiments.measures.statistics import Interval

    suffix = f" {unit}".rstrip()
    if isfinite(own.half):
        return with_interval(Interval(own.mean, own.low, own.high), suffix)
    return f"{own.mean:.3g}{suffix}, no interval" if isfinite(own.mean) else "unknown"


def _apart(one: Comparison) -> tuple[str, ...]:
    from experiments.measures.comparing import with_interval

    unit = f" {one.unit}".rstrip()
    return (
        with_interval(one.difference, unit),
        with_interval(one.relative, " %", 100.0),
        *("–" if p != p else "< 0.0001" if p < 1e-4 else f"{p:.2g}" for p in (one.p, one.p_holm)),
    )
