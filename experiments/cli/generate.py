"""``towtank trace generate --like``: a description of a workload that is fitted to a trace."""

from __future__ import annotations

from dataclasses import replace
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

import click

from experiments.cli.progress import Progress
from policies.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experiments.measures.likeness import Row
    from traces.generate import WorkloadSpec
    from traces.trace import Trace

#: Of more pairs of quantities of a class only so many are told, those that are farthest off.
PAIRS = 10

#: What a description is written as.
DESCRIPTION = ".toml"


def write_generated(spec: str, seed: int, out: Path, span_s: float | None = None) -> None:
    """Write a generated workload as a native trace, or its description."""
    from traces.formats import open_trace
    from traces.generate import Generated, write_spec
    from traces.reading.rejects import Rejects

    trace = open_trace(f"generated:{spec}", Rejects(), seed)
    assert isinstance(trace, Generated)
    if span_s is not None:
        trace = Generated(replace(trace.spec, span_s=span_s), seed, Rejects(), str(trace.path))
    if out.suffix == DESCRIPTION:
        write_spec(trace.spec, out)
        click.echo(f"{out}: {len(trace.spec.classes)} classes")
    else:
        _write_jobs(trace, out)


def write_like(original: Trace, seed: int, out: Path, span_s: float | None, figure: Path | None) -> None:
    """Fit a description to a trace, write it or a workload of it, and say how like that is to the trace.

    Parameters
    ----------
    original : Trace
        What is fitted to.
    seed : int
        Of the generated workload, and of which jobs are in the sample.
    out : Path
        The description, if it ends so, else a native trace.
    span_s : float, optional
        How long jobs of `out` come; by default as long as in the original.
    figure : Path, optional
        Where original and generated are drawn, ending in ``.png`` or ``.svg``.
    """
    from traces.fit import fit, measure
    from traces.formats.native.writer import SUFFIXES
    from traces.generate import Generated, write_spec
    from traces.reading.rejects import Rejects

    if not out.name.endswith((DESCRIPTION, *SUFFIXES)):
        raise UserError(
            f"{out}: cannot tell from the name what to write; it ends in {DESCRIPTION}, {', '.join(SUFFIXES)}"
        )
    if figure is not None and figure.suffix not in (".png", ".svg"):
        raise UserError(f"{figure}: a figure ends in .png or .svg")
    progress = Progress(expected=1)
    try:
        seen = measure(original, seed, watch=lambda: progress.watch(original.progress() or 0.0))
    finally:
        progress.close()
    fitted = fit(seen, original)
    spec = fitted.spec if span_s is None else replace(fitted.spec, span_s=span_s)
    if out.suffix == DESCRIPTION:
        write_spec(spec, out)
        click.echo(f"{out}: {_classes(spec)}")
    else:
        _write_jobs(Generated(spec, seed, Rejects(), out.stem), out)
    for note in spec.notes:
        click.echo(f"  note: {note}")
    for line in original.assumptions():
        click.echo(f"  note of the original: {line}")

    from experiments.measures.likeness import likenesses

    generated = measure(Generated(fitted.spec, seed, Rejects()), seed)
    compared = list(likenesses(seen, generated))
    for line in table([row for _, rows in compared for row in rows]):
        click.echo(line)
    if figure is not None:
        from experiments.drawing.likeness import draw

        click.echo(draw([likeness for likeness, _ in compared], seen, generated, figure))


def _classes(spec: WorkloadSpec) -> str:
    return f"{len(spec.classes)} class{'es' * (len(spec.classes) > 1)} over {spec.span_s:.6g} s"


def _write_jobs(trace: Trace, out: Path) -> None:
    from traces.formats.native import write_native

    written = write_native(trace.arrivals(), out)
    click.echo(f"{out}: {written.rows} rows")
    if written.averaged:
        click.echo(f"  note: in {written.averaged} of them what is used in phases became its mean over time")


def table(rows: list[Row]) -> list[str]:
    """Give the lines of the table of distances."""
    if not rows:
        return ["no class has enough jobs to be compared"]
    head = ("class", "quantity", "distance of original and generated", "of two halves of the original")
    told = [(row.workload, row.quantity, _number(row), _number(row, halves=True)) for row in _worst(rows)]
    lines = [head, *told]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def _worst(rows: list[Row]) -> Iterator[Row]:
    """Give the rows without pairs that are less far off than others of their class, which share a line."""
    for workload in dict.fromkeys(row.workload for row in rows):
        mine = [row for row in rows if row.workload == workload]
        yield from (row for row in mine if row.measure == "KS")
        pairs = sorted((row for row in mine if row.measure != "KS"), key=lambda row: -row.distance)
        yield from pairs[:PAIRS]
        if rest := pairs[PAIRS:]:
            most = max(row.distance for row in rest), max(row.halves for row in rest)
            yield rest[0]._replace(quantity=f"{len(rest)} other pairs, at most", distance=most[0], halves=most[1])


def _number(row: Row, halves: bool = False) -> str:
    value = row.halves if halves else row.distance
    return "-" if isnan(value) else f"{'KS' if row.measure == 'KS' else 'rank correlation'} {value:.3f}"
