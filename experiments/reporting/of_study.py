"""The report of a results directory that ``towtank run`` wrote."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rich.filesize import decimal

from experiments.drawing.catalogue import left_out, pictures
from experiments.measures.comparing import ENOUGH_SEEDS, Finding, headlines, note
from experiments.measures.statistics import Metric
from experiments.reporting.content import Cell, Heading, Link, Report, Settings, Table, series_told, time_told
from experiments.reporting.illustrations import illustrations
from experiments.reporting.replay import replay
from experiments.results import summary
from experiments.results.frames import Frames, HostLoads
from experiments.results.result import Result
from experiments.results.study import Detail, RunKey, Study

#: Cells of the table of all runs; beyond, the rest is in ``summary.csv`` alone.
MOST_CELLS = 10_000

#: What a comparison came to if one is not like the other.
TOLD_APART = (Finding.ABOVE, Finding.BELOW, Finding.UNVARYING)

#: Gives the command that makes a study.
Spell = Callable[[Study], str]


def of_study(folder: Path, here: Path, spell: Spell) -> Report:
    """Gather what a report says of a results directory.

    Parameters
    ----------
    folder : Path
        The results directory.
    here : Path
        The folder that the page is to lie in.
    spell : callable
        Gives the command that makes a study.

    Raises
    ------
    UserError
        If the folder is no results directory, or no run is finished.
    """
    frames = Frames(folder)
    study, manifest = frames.study, frames.results.manifest()
    results = list(frames.finished.values())
    frames.summary  # noqa: B018 - complains where nothing is finished
    drawn, why_not = loads(frames)
    told, how_to_read = findings(frames)
    manifest_file = _address(folder / "run.json", here)
    return Report(
        title=_title(study, drawn),
        statement=statement(study, results, drawn),
        warnings=tuple(_warnings(study, frames.runs)),
        findings=told,
        findings_note=how_to_read,
        tables=(means(results), runs(results)),
        illustrations=illustrations(frames, pictures(frames)),
        not_drawn=left_out(frames),
        replay=replay(drawn, f"cpu_{frames.looked_at(frames.firsts[0])}") if drawn else None,
        no_replay=why_not,
        settings=(settings("Configuration", study),),
        notes=tuple(manifest.get("notes", ())),
        versions=tuple(versions(manifest)),
        files=tuple(files(folder, here)),
        commands=(
            ("Run it again, with the same trace", spell(study)),
            (
                "Reproduce it as it was, or be told which version differs",
                shlex.join(["towtank", "rerun", manifest_file]),
            ),
        ),
    )


def loads(frames: Frames, world: str = "") -> tuple[dict[str, HostLoads], str]:
    """Give the loads of hosts by what their run is called, and of the runs that have none, why."""
    if not frames.has_log():
        detail = frames.study.detail
        if detail is Detail.SUMMARY:
            return (
                {},
                f"These runs kept no log (--detail {detail}); with --detail jobs or tasks the hosts are shown here.",
            )
        return {}, "The log of these runs is no longer there; without it nobody knows how hosts were loaded."
    seen = {f"{world}{key.architecture}, {key.policy}": frames.hosts(key) for key in frames.firsts}
    seen = {name: loads for name, loads in seen.items() if loads.t_s.size and next(iter(loads.loads.values())).size}
    return seen, "" if seen else "The hosts were never looked at in these runs: they ended too soon."


# -- in words ---------------------------------------------------------------------------------------------------


def _title(study: Study, drawn: Mapping[str, HostLoads]) -> str:
    return f"{study.trace} on {_hosts(study, drawn)}"


def _hosts(study: Study, drawn: Mapping[str, HostLoads]) -> str:
    """Say which hosts there are, as well as it is known."""
    for run in drawn.values():
        count = next(iter(run.loads.values())).shape[1]
        return f"{count:,} host{'s' * (count != 1)}"
    if study.hosts and study.hosts.isdigit():
        return f"{int(study.hosts):,} host{'s' * (study.hosts != '1')}"
    return "its own hosts" if study.hosts in (None, "trace") else f"the hosts of {study.hosts}"


def statement(study: Study, results: Sequence[Result], drawn: Mapping[str, HostLoads]) -> tuple[str, ...]:
    """Say what was compared on what."""
    architectures, policies = (
        f"{_count(len(names), one, many)} ({series_told(list(names))})"
        for names, one, many in (
            (study.architectures, "architecture", "architectures"),
            (study.policies, "placement policy", "placement policies"),
        )
    )
    done = sorted({result.key.seed for result in results})
    in_a_row = len(done) > 3 and done[-1] - done[0] == len(done) - 1
    named = f"{done[0]} to {done[-1]}" if in_a_row else series_told(list(map(str, done)))
    seeds = f"{_count(len(done), 'seed', 'seeds')} ({named})"
    where = "simulated hosts" if study.on == "tank" else f"Docker hosts ({study.on})"
    compared = f"{architectures} with {policies}, each under {seeds}, on {where}."
    jobs, containers, horizon = (
        _range([result.metrics.get(name) for result in results], show)
        for name, show in (
            ("jobs_submitted", lambda value: f"{value:,.0f}"),
            ("tasks_submitted", lambda value: f"{value:,.0f}"),
            ("horizon_s", time_told),
        )
    )
    faster = f", at {study.speed:g} times its speed" if study.speed != 1 else ""
    shared = "share them and slow each other down" if study.contention else "have what they ask for to themselves"
    replayed = (
        f"Each run replays {study.trace}{faster}: {jobs} jobs of {containers} containers on {_hosts(study, drawn)}, "
        f"over {horizon}. Containers on a host {shared}."
    )
    return compared[:1].upper() + compared[1:], replayed


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _range(values: Sequence[Metric], show: Callable[[float], str]) -> str:
    known = [float(value) for value in values if value is not None]
    if not known:
        return "an unknown number of"
    low, high = show(min(known)), show(max(known))
    return low if low == high else f"{low} to {high}"


def _warnings(study: Study, done: Sequence[RunKey]) -> Iterator[str]:
    missing = [key for key in study.runs() if key not in set(done)]
    if missing:
        some = "; ".join(f"{key.architecture}, {key.policy}, seed {key.seed}" for key in missing[:3])
        more = f" and {len(missing) - 3:,} more" if len(missing) > 3 else ""
        yield f"{len(missing):,} of {len(missing) + len(done):,} runs are not finished and not in here: {some}{more}."


def findings(frames: Frames) -> tuple[tuple[str, ...], str]:
    """Say what came of it, a sentence each, what was told apart first; and how these are to be read."""
    compared = headlines(frames.summary)
    if not compared:
        several = len(frames.firsts) > 1
        return (), (
            "In none of the usual measures do the runs differ."
            if several
            else "There is one architecture with one policy, and nothing to compare it with."
        )
    if all(one.finding is Finding.SINGLE for one in compared):
        return (), (
            f"Of a single seed nothing can be said of differences: at least 2 are needed, {ENOUGH_SEEDS} or more are "
            "better (--seeds)."
        )
    ordered = sorted(compared, key=lambda one: one.finding not in TOLD_APART)
    return tuple(one.sentence for one in ordered), note(compared)


# -- tables -----------------------------------------------------------------------------------------------------


def means(results: Sequence[Result]) -> Table:
    """Make the table of each architecture and policy."""
    seeds = len({result.key.seed for result in results})
    columns = summary.columns(results)
    several = f"Means of {seeds} seeds with their 95 % t-intervals." if seeds > 1 else "One seed: no intervals."
    return Table(
        "means",
        f"Each architecture and policy. {several}",
        (
            Heading("architecture", numbers=False),
            Heading("policy", numbers=False),
            *(Heading(column.heading, column.meaning) for column in columns),
        ),
        tuple(
            (Cell(names[0]), Cell(names[1]), *(Cell(cell.text, cell.value) for cell in row))
            for names, row in summary.cells(results).items()
        ),
    )


def runs(results: Sequence[Result]) -> Table:
    """Make the table of every metric of every run."""
    names = list(dict.fromkeys(name for result in results for name in (*result.metrics, *result.cost)))
    shown = results[: max(MOST_CELLS // len(names), 1)]
    left_out = len(results) - len(shown)
    rows = []
    for result in shown:
        numbers = {**result.metrics, **result.cost}
        key = result.key
        rows.append(
            (
                Cell(f"{key.architecture}, {key.policy}, seed {key.seed}"),
                *(Cell(number_told(numbers.get(name)), numbers.get(name)) for name in names),
            )
        )
    return Table(
        "runs",
        f"Every run and every metric ({len(names)}); the README of Towtank tells what each means.",
        (Heading("run", numbers=False), *(Heading(name) for name in names)),
        tuple(rows),
        f"{left_out:,} more runs are in summary.csv, and not here." if left_out else "",
        too_wide="summary.csv",
    )


def number_told(value: Metric) -> str:
    """Tell a number to five digits, a count in full, and what nobody knows as a dash."""
    if value is None:
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    if not isfinite(value):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1e5 else f"{value:.5g}"


# -- what it was made with --------------------------------------------------------------------------------------


def settings(title: str, study: Study) -> Settings:
    """Tell a study, what is not as usual first."""
    usual = Study().as_json()
    told = [(name, value == usual[name], _value(value)) for name, value in study.as_json().items()]
    changed, others = (
        tuple((name, text) for name, as_usual, text in told if as_usual is wanted) for wanted in (False, True)
    )
    return Settings(title, changed, others)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if value is None:
        return "not set"
    return value if isinstance(value, str) else json.dumps(value)


def versions(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Tell which code, on which machine, and which files made the results."""
    for part in ("versions", "platform"):
        yield from ((name, str(value)) for name, value in manifest.get(part, {}).items())
    yield "git revision", str(manifest.get("git_revision") or "not from a checkout")
    if "code_digest" in manifest:
        yield "digest of the sources", str(manifest["code_digest"])
    for name, digests in manifest.get("inputs", {}).items():
        # A directory of before there was one for each file has one for all.
        each = digests if isinstance(digests, dict) else {"": digests}
        for file, digest in each.items():
            yield f"fingerprint of {name} {file}".rstrip(), str(digest)


def files(folder: Path, here: Path) -> Iterator[Link]:
    """Give the files of a results directory, those on top first."""
    there = [path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".html", ".part")]
    for path in sorted(there, key=lambda path: (len(path.relative_to(folder).parts), path)):
        yield Link(path.relative_to(folder).as_posix(), quote(_address(path, here)), decimal(path.stat().st_size))


def _address(path: Path, here: Path) -> str:
    return Path(os.path.relpath(path, here)).as_posix()
