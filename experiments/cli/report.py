"""``towtank report``: a results directory as one page to send."""

from __future__ import annotations

from pathlib import Path

import click

from experiments.cli.named import ResultsFolder
from experiments.cli.spelling import command_of


@click.command(epilog="Example: towtank report results/first")
@click.argument("folder", metavar="DIR", type=ResultsFolder())
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where the page is written [default: DIR/report.html].",
)
def report(folder: Path, out: Path | None) -> None:
    """Make one self-contained HTML page of a results directory, or of a validation's.

    It opens from disk and asks for nothing over the network: what came of it in words, tables that sort, figures, the
    load of every host over time, configuration, raw files, and how to reproduce it.
    """
    from experiments.reporting import page

    out = out or folder / "report.html"
    page.write(page.gather(folder, out.parent, command_of), out)
    click.echo(out)
