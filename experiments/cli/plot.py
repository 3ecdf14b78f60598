"""``towtank plot``: draw the figures of a results directory again."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(epilog="Example: towtank plot results/first")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def plot(folder: Path) -> None:
    """Draw the figures of a results directory again."""
    from experiments.drawing.figures import draw_all

    for path in draw_all(folder):
        click.echo(path)
