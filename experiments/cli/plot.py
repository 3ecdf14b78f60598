"""``towtank plot``: draw the figures of a results directory again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from experiments.cli.named import FIGURE, RecordedRun, ResultsFolder
from policies.errors import UserError

if TYPE_CHECKING:
    from experiments.results.frames import Frames
    from experiments.results.study import RunKey


@click.command(epilog="Example: towtank plot results/first --format pdf --width single")
@click.argument("folder", metavar="DIR", type=ResultsFolder())
@click.option(
    "--only",
    type=FIGURE,
    metavar="FIGURE",
    multiple=True,
    help="Draw this figure alone, by the name of its files (repeatable).",
)
@click.option("--format", "formats", multiple=True, default=("png", "svg"), show_default=True,
              type=click.Choice(["png", "svg", "pdf"]), help="A kind of file (repeatable).")  # fmt: skip
@click.option("--width", type=click.Choice(["single", "double"]), default="double", show_default=True,
              help="As wide as one column of a paper (3.4 inches), or as two (7).")  # fmt: skip
@click.option("--job", metavar="NAME", help="Draw the life of this job, and nothing else.")
@click.option(
    "--run",
    "asked",
    type=RecordedRun(),
    metavar="ARCHITECTURE,POLICY,SEED",
    default="",
    help="In which run; by default in the first.",
)
def plot(
    folder: Path, only: tuple[str, ...], formats: tuple[str, ...], width: str, job: str | None, asked: str
) -> None:
    """Draw the figures of a results directory again, or the life of one job.

    The files go into DIR/figures.
    """
    if asked and job is None:
        raise click.UsageError("--run says in which run --job is looked for: give --job")
    if only and job is not None:
        raise click.UsageError("--only chooses from the figures of all runs, --job draws another: give one of them")
    from experiments.drawing import style

    inches = {"single": style.SINGLE, "double": style.DOUBLE}[width]
    formats = tuple(dict.fromkeys(formats))
    if job is not None:
        paths = _draw_job(folder, job, asked, formats, inches)
    elif (folder / "validation.csv").exists():
        from experiments.drawing.comparison import draw_comparison

        if only:
            raise UserError(f"{folder} is a validation: --only chooses figures of its tank or sea, {folder / 'tank'}")
        paths = draw_comparison(folder, formats, inches)
    else:
        paths = _draw(folder, only, formats, inches)
    for path in paths:
        click.echo(path)


def _draw(folder: Path, only: tuple[str, ...], formats: tuple[str, ...], inches: float) -> list[Path]:
    from experiments.drawing.catalogue import draw_all, left_out
    from experiments.results.frames import Frames

    lacking = left_out(Frames(folder), only)
    paths = draw_all(folder, only, formats, inches)
    if not paths:
        raise UserError(f"{folder}: nothing to draw: {lacking}")
    if lacking:
        click.echo(f"towtank: left out: {lacking}", err=True)
    return paths


def _draw_job(folder: Path, job: str, asked: str, formats: tuple[str, ...], inches: float) -> list[Path]:
    from experiments.drawing import jobs, style
    from experiments.results.frames import Frames

    frames = Frames(folder)
    key = frames.named(asked) if asked else _first(frames)
    return style.save(jobs.life(frames, key, job, inches), frames.results.figures / jobs.stem(job), formats)[:1]


def _first(frames: Frames) -> RunKey:
    if not frames.runs:
        raise UserError(f"{frames.results.folder} holds no finished run yet")
    return frames.runs[0]
