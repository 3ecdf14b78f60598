"""``towtank rerun``: runs made again, to see whether they come out the same."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from experiments.cli.named import TRACE, RecordedRun, ResultsFolder
from experiments.cli.options import executors_of

if TYPE_CHECKING:
    from experiments.results.record import Comparison

#: Runs that differ of which it is told in what.
MANY = 10


@click.command(epilog="Example: towtank rerun results/first/run.json")
@click.argument("record", metavar="RUN.JSON|DIR", type=ResultsFolder(".json"))
@click.option(
    "--run",
    "one",
    type=RecordedRun(),
    metavar="ARCHITECTURE,POLICY,SEED",
    help="Only this run of them [default: all that were finished].",
)
@click.option(
    "--trace",
    type=TRACE,
    metavar="[FORMAT:]PATH",
    help="Where the trace is now, if it was moved; it must be the same.",
)
@click.option(
    "--processes", type=click.IntRange(min=1), metavar="N", help="Runs that go on at once [default: one a core]."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Keep what is made in this new results directory [default: it is compared and thrown away].",
)
def rerun(record: Path, one: str | None, trace: str | None, processes: int | None, out: Path | None) -> None:
    """Make the runs of a results directory again, and see whether they come out the same, byte for byte.

    What makes results here and is another than then (versions, sources, the kind of machine) is told first. Files that
    the runs were made of are looked for from the current folder, then from that which they were made in. Exit code 1:
    a run came out otherwise.
    """
    from experiments.cli.progress import Progress
    from experiments.cli.run import check
    from experiments.results.record import others, read_record
    from experiments.running import rerun as running

    read = read_record(record)
    keys = running.runs_of(read, one)
    executors = executors_of(processes, None)
    whole = None if out is None else out.absolute()
    with running.as_it_was(read, trace) as study:
        check(study)
        unlike = others(read, keys)
        for difference in unlike:
            click.echo(f"note: {difference}")
        show = Progress()
        try:
            compared = running.rerun(read, keys, study, whole, executors, show)
        finally:
            show.close()
    _print(compared, unlike)
    if out is not None:
        click.echo(f"Made again: {out}")
    if compared.differences:
        sys.exit(1)


def _print(compared: Comparison, unlike: list[str]) -> None:
    runs = f"{compared.runs} run{'s' if compared.runs > 1 else ''}"
    click.echo(f"compared: the metrics of {runs} and {compared.files} files of their logs")
    if not compared.differences:
        anyway = ", although not all is as it was (see above)" if unlike else ""
        click.echo(f"reproduced: {runs}, {compared.files} files, byte for byte{anyway}")
        return
    for key, differences in list(compared.differences.items())[:MANY]:
        for difference in differences:
            click.echo(f"{key.architecture} {key.policy} seed {key.seed}: {difference}")
    if len(compared.differences) > MANY:
        click.echo(f"and {len(compared.differences) - MANY} more runs")
    why = "see above what is other than it was" if unlike else "sources, versions, machine and files are as they were"
    click.echo(f"not reproduced: {len(compared.differences)} of {runs} differ; {why}")
