"""The same runs at sea and in the tank, and how far apart they came.

A results directory of a validation holds ``sea/`` and ``tank/``, each a results directory by itself, and what comes of
comparing them: ``validation.csv``, ``factors.csv``, ``decisions.csv``, ``report.md``, ``figures/``.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments.measures.agreement import Agreement, Factor, Observed, Row, agreement, observed
from experiments.measures.decisions import Decisions
from experiments.measures.shapes import Shape, shapes_of
from experiments.results.directory import Results
from experiments.results.logs import LOG, log_files, read_log
from experiments.results.provenance import provenance
from experiments.results.study import Detail, RunKey, Study
from experiments.running.at_sea import is_at_sea
from experiments.running.machines import hosts_of
from experiments.running.runner import Listener, run_study
from experiments.running.simulate import trace_of
from experiments.running.validation_report import report
from policies.errors import UserError
from traces.inventory import HostEntry, as_toml, read_inventory
from traces.units import MILLI

if TYPE_CHECKING:
    from real.running.survey import Surveyed

SEA, TANK = "sea", "tank"

#: What is said of the tank's machines, while Docker hosts are what they are.
OF_THE_TANK = ("host_net_bps", "start_s", "start_cpu_s", "interference", "wake_up_s")


class Validation(NamedTuple):
    """A validation and what it came to.

    Attributes
    ----------
    tank, sea : Study
        What was run in each world.
    target : float
        How far apart a measure may be to hold.
    hosts : tuple of str
        What hosts are called.
    agreement : Agreement
        How far apart they were.
    notes : tuple of str
        What was assumed, in either world.
    """

    tank: Study
    sea: Study
    target: float
    hosts: tuple[str, ...]
    agreement: Agreement
    notes: tuple[str, ...] = ()


def both_worlds(study: Study, on: str) -> tuple[Study, Study]:
    """Give a study as it is run in the tank and at sea, with a log that tells of each host.

    Parameters
    ----------
    study : Study
        What was asked for.
    on : str
        ``docker:`` and an inventory.

    Raises
    ------
    UserError
        If `on` names no Docker hosts.
    """
    tank = replace(study, contention=True, detail=Detail.TASKS)
    default = Study()
    sea = replace(tank, on=on, **{name: getattr(default, name) for name in OF_THE_TANK})
    if not is_at_sea(sea):
        raise UserError(f"--on {on}: give docker:INVENTORY, the hosts to compare the tank with")
    return tank, sea


def machines(surveyed: Iterable[Surveyed], profile: Path | None) -> list[HostEntry]:
    """Give the hosts of the sea as the tank is to have them: as big as what is free, in the same order.

    Parameters
    ----------
    surveyed : iterable of Surveyed
        The hosts as they are now.
    profile : Path, optional
        An inventory that says what was measured of them, beside what their own says.

    Raises
    ------
    UserError
        If nothing is free on a host, or the profile lacks one.
    """
    measured = {} if profile is None else {entry.name: entry for entry in read_inventory(profile)}
    entries = []
    for one in surveyed:
        cpu_milli, memory_bytes = one.capacity[:2]
        if not cpu_milli or not memory_bytes:
            raise UserError(f"host {one.name!r}: others hold all of it, and the tank has no such hosts")
        entry = replace(
            one.entry, cpus=cpu_milli / MILLI, memory_bytes=int(memory_bytes), labels=dict(one.attributes), tls=None,
            fence="",
        )  # fmt: skip
        if profile is not None:
            if one.name not in measured:
                raise UserError(f"{profile}: there is no host {one.name!r}")
            known = measured[one.name]
            entry = replace(entry, profile=known.profile, disk=known.disk or entry.disk)
        entries.append(entry)
    return entries


def validate(
    tank: Study,
    sea: Study,
    hosts: Sequence[HostEntry],
    out: Path,
    target: float,
    processes: int = 1,
    listener: Listener | None = None,
) -> Validation:
    """Make all runs of both worlds that are not there yet, compare them and write what came of it.

    Parameters
    ----------
    tank, sea : Study
        As `both_worlds` gives them.
    hosts : sequence of HostEntry
        The tank's, as `machines` gives them; of a directory that is taken up again, those that are written there.
    out : Path
        The results directory.
    target : float
        How far apart a measure may be to hold.
    processes : int
        How many runs go on at once in the tank; at sea it is one.
    listener : Listener, optional
        As in `run_study`, for the runs of both worlds.

    Raises
    ------
    UserError
        For anything that the user can mend.

    Notes
    -----
    At sea all policies meet a seed before the next one comes: what drifts on the machine meets all of them alike.
    """
    tank = begin(out, tank, sea, hosts, target)
    results = run_study(sea, out / SEA, 1, listener, order=lambda key: key.seed)
    results += run_study(tank, out / TANK, processes, listener)
    notes = tuple(dict.fromkeys(note for result in results for note in result.notes))
    validation = compared(tank, sea, out, target)._replace(notes=notes)
    write(validation, out)
    return validation


def begin(out: Path, tank: Study, sea: Study, hosts: Sequence[HostEntry], target: float) -> Study:
    """Make the directory, and give the tank's study with the hosts that are written there.

    Its parts see for themselves whether they belong to these studies.
    """
    manifest, inventory = out / "run.json", out / "hosts.toml"
    if out.exists() and any(out.iterdir()) and not (manifest.exists() and "validation" in _read(manifest)):
        raise UserError(f"{out} is not empty and holds no validation; choose another --out")
    out.mkdir(parents=True, exist_ok=True)
    if not inventory.exists():
        inventory.write_text(as_toml(hosts), encoding="utf-8")
    elif _measured(read_inventory(inventory)) != _measured(hosts):
        raise UserError(
            f"{inventory} says something else of the hosts; remove it and {out / TANK} to compare the same sea with "
            "another tank"
        )
    tank = replace(tank, hosts=str(inventory))
    plain = {"validation": {TANK: tank.as_json(), SEA: sea.as_json(), "within": target}, **provenance()}
    manifest.write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")
    return tank


def _measured(hosts: Iterable[HostEntry]) -> list[tuple[Any, ...]]:
    """Give what does not change between two commands: how much of a host is free does."""
    return [(host.name, host.disk, host.profile) for host in hosts]


def target_of(folder: Path) -> float:
    """Read how far apart a measure may be from a validation's results directory."""
    target: float = _read(folder / "run.json")["validation"]["within"]
    return target


def _read(manifest: Path) -> Mapping[str, Any]:
    try:
        plain: Mapping[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise UserError(f"{manifest}:{error.lineno}: {error.msg}") from None
    return plain


def compared(tank: Study, sea: Study, out: Path, target: float) -> Validation:
    """Compare what lies in a results directory.

    Raises
    ------
    UserError
        If a log is missing.
    """
    hosts, _ = hosts_of(tank, trace_of(tank, tank.seeds[0]))
    shapes = {seed: shapes_of(trace_of(tank, seed).arrivals(), hosts) for seed in tank.seeds}
    here, there = (read_runs(out / world, study, shapes) for world, study in ((TANK, tank), (SEA, sea)))
    return Validation(tank, sea, target, tuple(hosts.names), agreement(here, there, hosts.names, target))


def read_runs(folder: Path, study: Study, shapes: Mapping[int, Mapping[str, Shape]]) -> dict[RunKey, Observed]:
    """Read the runs of one world from its results directory.

    Parameters
    ----------
    folder : Path
        The directory.
    study : Study
        Which runs there are.
    shapes : mapping
        By seed, the demand shape of every job.
    """
    results = Results(folder)
    done = results.finished()
    return {
        key: observed(done[key].metrics, read_decisions(results, key), shapes[key.seed])
        for key in study.runs()
        if key in done
    }


def read_decisions(results: Results, key: RunKey) -> Decisions:
    """Read what was decided in a run from its log."""
    decisions = Decisions()
    for rows in read_log(log_files(results.log, key)[LOG]):
        decisions(rows)
    return decisions


# -- what is written --------------------------------------------------------------------------------------------


def write(validation: Validation, out: Path) -> None:
    """Write tables and report into the results directory."""
    agreed = validation.agreement
    _write_csv(out / "validation.csv", Row._fields, (_plain(row._asdict()) for row in agreed.rows))
    factors = [_plain_factor(factor) for factor in agreed.factors]
    _write_csv(out / "factors.csv", list(factors[0]) if factors else Factor._fields, factors)
    columns = (*RunKey._fields, "job", "tank_hosts", "sea_hosts", "same")
    _write_csv(out / "decisions.csv", columns, _places(validation))
    told = report(validation.agreement, validation.sea, len(validation.hosts), validation.target, validation.notes)
    (out / "report.md").write_text(told, encoding="utf-8")


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def _places(validation: Validation) -> Iterator[dict[str, Any]]:
    """Give where the containers of every job went, as ``h1:2 h2:1``."""
    names = validation.hosts
    for key, comparison in validation.agreement.comparisons.items():
        for place in comparison.places:
            here, there = (
                " ".join(f"{names[host]}:{count}" for host, count in sorted(hosts.items()))
                for hosts in (place.tank, place.sea)
            )
            yield key._asdict() | {"job": place.job, "tank_hosts": here, "sea_hosts": there, "same": here == there}


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Leave a number out that is none: neither JSON nor a table knows such."""
    return {name: None if isinstance(value, float) and not isfinite(value) else value for name, value in values.items()}


def _plain_factor(factor: Factor) -> dict[str, Any]:
    plain = factor._asdict()
    for world in (TANK, SEA):
        plain[world], plain[f"{world}_half"] = plain[world]
    return _plain(plain)


def as_json(validation: Validation) -> dict[str, Any]:
    """Give a validation as plain values."""
    agreed = validation.agreement
    return {
        "on": validation.sea.on,
        "within": validation.target,
        "verdict": str(agreed.verdict),
        "rows": [_plain(row._asdict()) for row in agreed.rows],
        "factors": [_plain_factor(factor) for factor in agreed.factors],
        "rankings": [ranking._asdict() | {"same_best": ranking.same_best} for ranking in agreed.rankings],
        "decisions": [
            key._asdict()
            | {
                "jobs": len(comparison.places),
                "jobs_share": comparison.jobs_share,
                "containers_share": comparison.containers_share,
                "same_sequence": comparison.first is None,
                "first_difference": comparison.first.why if comparison.first else None,
            }
            for key, comparison in agreed.comparisons.items()
        ],
    }
