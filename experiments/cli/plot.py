"""``towtank plot``: draw the figures of a results directory again."""

from __future__ import annotations

from pathlib import Path

import click

from experiments.cli.named import ResultsFolder


@click.command(epilog="Example: towtank plot results/first")
@click.argument("folder", metavar="DIR", type=ResultsFolder())
def plot(folder: Path) -> None:
    """Draw the figures of a results directory again."""
    if (folder / "validation.csv").exists():
        from experiments.drawing.comparison import draw_comparison as draw
    else:
        from experiments.drawing.catalogue import draw_all as draw

    for path in draw(folder):
        click.echo(path)
