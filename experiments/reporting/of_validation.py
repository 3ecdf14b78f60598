"""The report of a validation: the tank against the sea."""

from __future__ import annotations

import json
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

from experiments.drawing.comparison import drawings
from experiments.measures.agreement import Agreement, Factor
from experiments.reporting.content import Cell, Heading, Report, Table, series_told
from experiments.reporting.illustrations import illustration
from experiments.reporting.of_study import Spell, files, loads, settings, versions
from experiments.reporting.replay import replay
from experiments.results.frames import Frames, HostLoads
from experiments.running import validation_report as told
from experiments.running.validation import SEA, TANK, Validation, compared, target_of

#: Columns of the tables that hold words.
WORDS = ("architecture", "policy", "measure", "verdict", "run", "the first decision to differ")


def of_validation(folder: Path, here: Path, spell: Spell) -> Report:
    """Gather what a report says of a validation's results directory.

    Parameters
    ----------
    folder, here, spell
        As in `of_study`.

    Raises
    ------
    UserError
        If a part of it is missing.
    """
    manifest: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    worlds = {world: Frames(folder / world) for world in (TANK, SEA)}
    # Its inventory is where the directory is now, which may have been moved.
    tank = replace(worlds[TANK].study, hosts=str(folder / "hosts.toml"))
    validation = compared(tank, worlds[SEA].study, folder, target_of(folder))
    drawn, why_not = _loads(worlds)
    agreed = validation.agreement
    notes = [note for frames in worlds.values() for note in frames.results.manifest().get("notes", ())]
    return Report(
        title=f"The tank against the sea: {tank.trace}",
        statement=_statement(validation),
        findings=(
            f"Within {validation.target:.0%} of the sea: {agreed.verdict}.",
            *(line.replace("`", "") for line in told.ranking_lines(agreed)),
        ),
        findings_note=told.LEGEND.replace("`", ""),
        tables=(*_tables(agreed), _decisions(agreed)),
        illustrations=tuple(
            illustration(drawing.stem, drawing.title, drawing.caption, drawing.draw()) for drawing in drawings(folder)
        ),
        replay=replay(drawn, "cpu_used") if drawn else None,
        no_replay=why_not,
        settings=(settings("In the tank", tank), settings("At sea", validation.sea)),
        notes=tuple(dict.fromkeys(notes)),
        versions=tuple(versions(manifest)),
        files=tuple(files(folder, here)),
        commands=(("Its runs at sea", spell(validation.sea)), ("Its runs in the tank", spell(tank))),
    )


def _loads(worlds: dict[str, Frames]) -> tuple[dict[str, HostLoads], str]:
    """Give the loads of both worlds, the two of a run side by side."""
    each = {world: loads(frames, f"{world}: ") for world, frames in worlds.items()}
    pairs = zip(*(list(runs.items()) for runs, _ in each.values()), strict=False)
    return {name: run for pair in pairs for name, run in pair}, next((why for _, why in each.values() if why), "")


def _statement(validation: Validation) -> tuple[str, ...]:
    sea = validation.sea
    seeds = f"{len(sea.seeds)} seed{'s' * (len(sea.seeds) != 1)}"
    return (
        f"{sea.trace} on {len(validation.hosts)} Docker hosts ({sea.on}) and on as many simulated ones, with "
        f"{series_told(list(sea.policies))} under {series_told(list(sea.architectures))}, {seeds}: a measure holds if "
        f"the tank was within {validation.target:.0%} of the sea.",
    )


def _tables(agreed: Agreement) -> list[Table]:
    rows = [_row(told.ROW_HEADINGS, told.row_cells(row), (row.tank, row.sea, row.difference)) for row in agreed.rows]
    tables = [Table("measures", "Measures, means over seeds", _headings(told.ROW_HEADINGS), tuple(rows))]
    if agreed.factors:
        baseline = agreed.factors[0].baseline
        rows = [
            _row(told.FACTOR_HEADINGS, told.factor_cells(factor), (factor.tank.mean, factor.sea.mean, _ratio(factor)))
            for factor in agreed.factors
        ]
        tables.append(Table("factors", f"Times as good as {baseline}", _headings(told.FACTOR_HEADINGS), tuple(rows)))
    return tables


def _decisions(agreed: Agreement) -> Table:
    headings = ("run", "jobs placed alike", "containers placed alike", "the first decision to differ")
    rows = [
        (
            Cell(f"{key.architecture}, {key.policy}, seed {key.seed}"),
            Cell(f"{comparison.jobs_share:.1%}", comparison.jobs_share),
            Cell(f"{comparison.containers_share:.1%}", comparison.containers_share),
            Cell(comparison.first.why if comparison.first else "all decisions are equal, one by one"),
        )
        for key, comparison in agreed.comparisons.items()
    ]
    return Table("decisions", "Decisions, run by run", _headings(headings), tuple(rows))


def _headings(headings: tuple[str, ...]) -> tuple[Heading, ...]:
    return tuple(Heading(heading, numbers=heading not in WORDS) for heading in headings)


def _row(headings: tuple[str, ...], texts: tuple[str, ...], values: tuple[float | None, ...]) -> tuple[Cell, ...]:
    numbers = iter(values)
    return tuple(
        Cell(text) if heading in WORDS else Cell(text, _known(next(numbers)))
        for heading, text in zip(headings, texts, strict=True)
    )


def _ratio(factor: Factor) -> float | None:
    return factor.tank.mean / factor.sea.mean if factor.sea.mean else None


def _known(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None
