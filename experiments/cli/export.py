"""``towtank export``: runs for other tools."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from experiments.cli.bar import Bar
from policies.errors import UserError

if TYPE_CHECKING:
    from experiments.results.frames import Frames
    from experiments.results.study import RunKey


@click.command(
    epilog="Examples: towtank export results/first --perfetto run.json.gz --run monolithic,spread,1; "
    "towtank export results/first --tables tables --format parquet"
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--perfetto",
    type=click.Path(path_type=Path),
    metavar="FILE.json[.gz]|FOLDER",
    help="A run as a trace that https://ui.perfetto.dev and chrome://tracing open: hosts as processes, containers as "
    "slices, what schedulers decided; or a zipped file for each run into a folder.",
)
@click.option(
    "--tables",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Tables of runs, jobs, containers, decisions, hosts and levels, a file each.",
)
@click.option(
    "--format", "form", type=click.Choice(["csv", "parquet"]), default="csv", show_default=True, help="Of the tables."
)
@click.option(
    "--run",
    "named",
    multiple=True,
    metavar="ARCHITECTURE,POLICY,SEED",
    help="Only this run; may be repeated [a trace in one file: the first; else: all].",
)
@click.option("--force", is_flag=True, help="Replace files that are there.")
def export(
    folder: Path, perfetto: Path | None, tables: Path | None, form: str, named: tuple[str, ...], force: bool
) -> None:
    """Write the runs of a results directory for other tools.

    Hosts and containers are in the log, and so in what is written, where it was made with --detail tasks.
    """
    if perfetto is None and tables is None:
        raise click.UsageError("nothing to do: give --perfetto or --tables")
    from experiments.results.frames import Frames

    if (folder / "validation.csv").exists():
        raise UserError(f"{folder} is a validation: export {folder / 'tank'} or {folder / 'sea'}")
    frames = Frames(folder)
    keys = list(dict.fromkeys(map(frames.named, named))) if named else frames.runs
    if not keys:
        raise UserError(f"{folder} holds no finished run yet")
    for key in keys:
        frames.rows(key)  # that there is a log is seen before anything is written
    traces = {} if perfetto is None else _traces(perfetto, keys, bool(named))
    files = list(traces)
    if tables is not None:
        from experiments.exporting.tables import files as files_of

        files += files_of(frames, tables, form).values()
    if not force:
        for path in files:
            if path.exists():
                raise UserError(f"{path} is there already: give another name, or --force to replace it")
    unfinished = len(list(frames.study.runs())) - len(frames.runs)
    if unfinished > 0:
        click.echo(f"note: {unfinished} runs of the study are not finished, and are left out", err=True)
    if traces:
        _write_traces(frames, traces)
    if tables is not None:
        _write_tables(frames, keys, tables, form)


def _traces(path: Path, keys: list[RunKey], named: bool) -> dict[Path, RunKey]:
    """Give which run goes into which file."""
    if path.name.endswith((".json", ".json.gz")):
        if named and len(keys) > 1:
            raise click.UsageError(f"--perfetto {path}: one file has one run; give a folder, or --run once")
        return {path: keys[0]}
    if path.suffix and not path.is_dir():
        raise click.UsageError(f"--perfetto {path}: must end in .json or .json.gz, or be a folder")
    return {path / f"{key.file_stem}.json.gz": key for key in keys}


def _write_traces(frames: Frames, traces: dict[Path, RunKey]) -> None:
    from experiments.exporting.perfetto import write_trace

    for path, key in traces.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with Bar("read") as show:
            written = write_trace(frames, key, path, _counting(show, frames.rows(key)))
        click.echo(
            f"{path}: {written.events:,} events, {written.containers:,} containers, {written.decisions:,} decisions"
            f" ({key.architecture}, {key.policy}, seed {key.seed})"
        )
        for note in written.notes:
            click.echo(f"  note: {note}")


def _write_tables(frames: Frames, keys: list[RunKey], folder: Path, form: str) -> None:
    from experiments.exporting.tables import write_tables

    with Bar("read") as show:
        written = write_tables(frames, keys, folder, form, _counting(show, sum(map(frames.rows, keys))))
    for path, rows in written.rows.items():
        click.echo(f"{path}: {rows:,} rows")
    for note in written.notes:
        click.echo(f"  note: {note}")


def _counting(show: Callable[[float], None], total: int) -> Callable[[int], None]:
    done = 0

    def count(rows: int) -> None:
        nonlocal done
        done += rows
        show(done / total if total else 1.0)

    return count
