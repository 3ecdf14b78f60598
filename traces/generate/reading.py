"""Reading the description of a workload from a TOML file."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, NamedTuple

from policies.errors import UserError
from traces.generate.coming import ArrivalsSpec, Burst
from traces.generate.laws import LAWS, Constant, Marginal
from traces.generate.spec import (
    MAPREDUCE_QUANTITIES,
    USE_QUANTITIES,
    ClassSpec,
    Correlation,
    HostsSpec,
    MapReduceSpec,
    PickySpec,
    PrefillSpec,
    UsesSpec,
    WorkloadSpec,
)
from traces.units import seconds, size


def read_spec(path: Path) -> WorkloadSpec:
    """Read a workload spec from a TOML file.

    Raises
    ------
    UserError
        Naming the file and the key or line.
    """
    import tomllib  # only where it is used: it costs start-up

    try:
        with path.open("rb") as file:
            plain = tomllib.load(file)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from None
    except ValueError as error:  # not TOML, or not even text
        raise UserError(f"{path}: {error}") from None
    return parse_spec(plain, str(path))


def parse_spec(plain: Mapping[str, Any], source: str = "workload") -> WorkloadSpec:
    """Make a workload of plain values, as they stand in a TOML file.

    Parameters
    ----------
    plain : mapping
        See the head of `traces.generate`. Sizes and times may be text with a unit.
    source : str
        What an error names.

    Raises
    ------
    UserError
        Naming the source and the key.
    """
    at = _At(source)
    _check_keys(plain, ("span_s", "classes"), ("hosts", "prefill", "notes", "picky"), at)
    classes = plain["classes"]
    if not isinstance(classes, Mapping):
        raise at.key("classes").wrong("must be a table of classes")
    workload: WorkloadSpec = at.make(
        WorkloadSpec,
        span_s=_amount(plain["span_s"], seconds, at.key("span_s")),
        classes=tuple(_class(name, one, at.key("classes").key(name)) for name, one in classes.items()),
        hosts=_kinds_of_hosts(plain.get("hosts", []), at.key("hosts")),
        prefill=_prefill(plain["prefill"], at.key("prefill")) if "prefill" in plain else None,
        notes=_notes(plain.get("notes", []), at.key("notes")),
        picky=_picky(plain["picky"], at.key("picky")) if "picky" in plain else None,
    )
    return workload


class _At(NamedTuple):
    """A place in a spec, for an error to name."""

    source: str
    keys: tuple[str, ...] = ()

    def key(self, name: str) -> _At:
        return _At(self.source, (*self.keys, name))

    def wrong(self, problem: str) -> UserError:
        return UserError(": ".join(part for part in (self.source, ".".join(self.keys), problem) if part))

    def make(self, kind: Callable[..., Any], **values: object) -> Any:
        try:
            return kind(**values)
        except ValueError as error:
            raise self.wrong(str(error)) from None


def _number(text: str) -> float:
    raise UserError(f"{text!r} is not a number")


#: How a text that stands for an amount of what is drawn is read.
_UNITS: Mapping[str, Callable[[str], float]] = {
    "interarrival_s": seconds,
    "tasks": _number,
    "duration_s": seconds,
    "cpus": _number,
    "memory_bytes": size,
    "gpus": _number,
}

#: What a class must say.
_REQUIRED = ("tasks", "duration_s", "cpus", "memory_bytes")

#: The same for what containers use.
_USE_UNITS: Mapping[str, Callable[[str], float]] = {
    name: _number if name in ("cpu_demand", "random_io") else size for name in USE_QUANTITIES
}


def _check_keys(table: object, required: tuple[str, ...], optional: tuple[str, ...], at: _At) -> None:
    if not isinstance(table, Mapping):
        raise at.wrong("must be a table")
    known = (*required, *optional)
    for name in table:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise at.key(name).wrong(f"unknown key; {f'did you mean {near[0]!r}?' if near else _list(known)}")
    for name in required:
        if name not in table:
            raise at.key(name).wrong("is missing")


def _list(known: tuple[str, ...]) -> str:
    return f"there are {', '.join(known)}"


def _kinds_of_hosts(tables: object, at: _At) -> tuple[HostsSpec, ...]:
    if not isinstance(tables, list | tuple):
        return (_hosts(tables, at),)
    return tuple(_hosts(table, at.key(str(number))) for number, table in enumerate(tables, start=1))


def _prefill(table: Any, at: _At) -> PrefillSpec:
    _check_keys(table, ("cpu_allocated",), (), at)
    share = _amount(table["cpu_allocated"], _number, at.key("cpu_allocated"))
    prefill: PrefillSpec = at.make(PrefillSpec, cpu_allocated=share)
    return prefill


def _picky(table: Any, at: _At) -> PickySpec:
    _check_keys(table, ("share", "kinds"), (), at)
    share = _amount(table["share"], _number, at.key("share"))
    kinds = tuple(_amount(kind, _number, at.key("kinds")) for kind in _listed(table["kinds"], at.key("kinds")))
    picky: PickySpec = at.make(PickySpec, share=share, kinds=kinds)
    return picky


def _notes(lines: object, at: _At) -> tuple[str, ...]:
    if not isinstance(lines, list | tuple) or not all(isinstance(line, str) and line.isprintable() for line in lines):
        raise at.wrong("must be a list of texts, each of one line")
    return tuple(lines)


def _hosts(table: Any, at: _At) -> HostsSpec:
    _check_keys(table, ("n", "cpus", "memory_bytes"), (), at)
    n = _whole(table["n"], at.key("n"))
    cpus = _amount(table["cpus"], _number, at.key("cpus"))
    memory_bytes = _amount(table["memory_bytes"], size, at.key("memory_bytes"))
    hosts: HostsSpec = at.make(HostsSpec, n=n, cpus=cpus, memory_bytes=int(memory_bytes))
    return hosts


def _class(name: str, table: Mapping[str, Any], at: _At) -> ClassSpec:
    optional = ("interarrival_s", "arrivals", "jobs", "gpus", "correlations", "mapreduce", "workload", "uses")
    _check_keys(table, _REQUIRED, optional, at)
    if "interarrival_s" not in table and "arrivals" not in table:
        raise at.key("interarrival_s").wrong("is missing, and so are arrivals: one of the two says how jobs come")
    given = {quantity: unit for quantity, unit in _UNITS.items() if quantity in table}
    laws = {quantity: _marginal(table[quantity], unit, at.key(quantity)) for quantity, unit in given.items()}
    workload = table.get("workload", name)
    if not isinstance(workload, str):
        raise at.key("workload").wrong("must be a text")
    one: ClassSpec = at.make(
        ClassSpec,
        name=name,
        mapreduce=_mapreduce(table["mapreduce"], at.key("mapreduce")) if "mapreduce" in table else None,
        workload=workload,
        uses=_uses(table["uses"], at.key("uses")) if "uses" in table else None,
        arrivals=_arrivals(table["arrivals"], at.key("arrivals")) if "arrivals" in table else None,
        jobs=_whole(table["jobs"], at.key("jobs")) if "jobs" in table else None,
        correlations=_correlations(table.get("correlations", []), at.key("correlations")),
        **{"interarrival_s": None, **laws},
    )
    return one


def _arrivals(table: Any, at: _At) -> ArrivalsSpec:
    _check_keys(table, ("rates_per_h", "slot_s"), ("bursts", "step_s"), at)
    rates = _listed(table["rates_per_h"], at.key("rates_per_h"))
    arrivals: ArrivalsSpec = at.make(
        ArrivalsSpec,
        rates_per_h=tuple(_amount(rate, _number, at.key("rates_per_h")) for rate in rates),
        slot_s=_amount(table["slot_s"], seconds, at.key("slot_s")),
        bursts=tuple(_burst(one, at.key("bursts")) for one in _listed(table.get("bursts", []), at.key("bursts"))),
        step_s=_amount(table.get("step_s", 0), seconds, at.key("step_s")),
    )
    return arrivals


def _burst(table: Any, at: _At) -> Burst:
    _check_keys(table, ("every_s", "variance"), (), at)
    every_s = _amount(table["every_s"], seconds, at.key("every_s"))
    variance = _amount(table["variance"], _number, at.key("variance"))
    burst: Burst = at.make(Burst, every_s=every_s, variance=variance)
    return burst


def _correlations(ties: object, at: _At) -> tuple[Correlation, ...]:
    return tuple(_correlation(tie, at) for tie in _listed(ties, at))


def _correlation(tie: object, at: _At) -> Correlation:
    if not isinstance(tie, list | tuple) or len(tie) != 3 or not all(isinstance(name, str) for name in tie[:2]):
        raise at.wrong("must be a list of triples of two quantities and their correlation")
    one: Correlation = at.make(Correlation, one=tie[0], other=tie[1], rho=_amount(tie[2], _number, at))
    return one


def _listed(values: object, at: _At) -> list[Any] | tuple[Any, ...]:
    if not isinstance(values, list | tuple):
        raise at.wrong("must be a list")
    return values


def _whole(value: object, at: _At) -> int:
    number = _amount(value, _number, at)
    if not number.is_integer():
        raise at.wrong("must be a whole number")
    return int(number)


def _mapreduce(table: Any, at: _At) -> MapReduceSpec:
    _check_keys(table, MAPREDUCE_QUANTITIES, (), at)
    laws = {quantity: _marginal(table[quantity], _number, at.key(quantity)) for quantity in MAPREDUCE_QUANTITIES}
    programs: MapReduceSpec = at.make(MapReduceSpec, **laws)
    return programs


def _uses(table: Any, at: _At) -> UsesSpec:
    _check_keys(table, (), USE_QUANTITIES, at)
    laws = {quantity: _marginal(law, _USE_UNITS[quantity], at.key(quantity)) for quantity, law in table.items()}
    uses: UsesSpec = at.make(UsesSpec, **laws)
    return uses


def _marginal(value: object, unit: Callable[[str], float], at: _At) -> Marginal:
    if not isinstance(value, Mapping):
        constant: Marginal = at.make(Constant, value=_amount(value, unit, at))
        return constant
    name = value.get("law")
    if not isinstance(name, str) or name not in LAWS:
        near = difflib.get_close_matches(str(name), LAWS, 1)
        problem = "is missing" if name is None else f"no law is called {name!r}"
        raise at.key("law").wrong(f"{problem}; {f'did you mean {near[0]!r}?' if near else _list(tuple(LAWS))}")
    required = tuple(field.name for field in fields(LAWS[name]) if field.default is MISSING)
    optional = tuple(field.name for field in fields(LAWS[name]) if field.default is not MISSING)
    _check_keys(value, ("law", *required), optional, at)
    given = [key for key in (*required, *optional) if key in value]
    law: Marginal = at.make(LAWS[name], **{key: _argument(key, value[key], unit, at.key(key)) for key in given})
    return law


def _argument(key: str, value: object, unit: Callable[[str], float], at: _At) -> object:
    if key == "sigma":  # of a logarithm, which has no unit
        return _amount(value, _number, at)
    if key not in ("values", "weights", "points"):
        return _amount(value, unit, at)
    value = _listed(value, at)
    if key != "points":
        return tuple(_amount(one, unit if key == "values" else _number, at) for one in value)
    if not all(isinstance(point, list | tuple) and len(point) == 2 for point in value):
        raise at.wrong("must be a list of pairs of a share and a value")
    return tuple((_amount(share, _number, at), _amount(one, unit, at)) for share, one in value)


def _amount(value: object, unit: Callable[[str], float], at: _At) -> float:
    try:
        if isinstance(value, str):
            return float(unit(value))
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    except UserError as error:
        raise at.wrong(str(error)) from None
    except OverflowError:
        raise at.wrong("is too large") from None
    raise at.wrong(f"{value!r} is not a number")
