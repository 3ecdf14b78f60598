"""Writing the description of a workload as a TOML file, which `read_spec` reads back as it was."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from policies.errors import UserError
from traces.generate.coming import ArrivalsSpec
from traces.generate.laws import Constant, Marginal
from traces.generate.spec import (
    MAPREDUCE_QUANTITIES,
    NONE,
    READ_AHEAD,
    SIZES,
    USE_QUANTITIES,
    ClassSpec,
    WorkloadSpec,
)
from traces.whole import written_whole

#: Longer lists are broken into lines of at most so many characters.
LINE = 118

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def write_spec(spec: WorkloadSpec, path: Path) -> None:
    """Write a workload spec; the file is there only once it is whole.

    Raises
    ------
    UserError
        If the file cannot be written, or the spec has what a file has no words for: classes of the prefill's own.
    """
    with written_whole(path) as part:
        part.write_text("\n".join(lines(spec, str(path))) + "\n", encoding="utf-8")


def lines(spec: WorkloadSpec, source: str = "workload") -> Iterator[str]:
    """Give the lines of the file.

    Notes
    -----
    A law stands on one line if it has room, which writers of TOML for all purposes do not do: a hundred points would
    take four hundred.
    """
    if spec.prefill is not None and spec.prefill.classes:
        raise UserError(f"{source}: what runs at the beginning has classes of its own, which a file has no words for")
    if spec.notes:
        yield "notes = ["
        yield from (f"    {_text(note)}," for note in spec.notes)
        yield "]"
    yield f"span_s = {_value(spec.span_s)}"
    for hosts in spec.hosts:
        yield from ("", "[[hosts]]")
        yield from (f"{key} = {_value(getattr(hosts, key))}" for key in ("n", "cpus", "memory_bytes"))
    for one in spec.classes:
        yield from ("", f"[classes.{_key(one.name)}]")
        for key, value in _class(one):
            yield from _broken(f"{key} = ", value)
    if spec.prefill is not None:
        yield from ("", "[prefill]", f"cpu_allocated = {_value(spec.prefill.cpu_allocated)}")
    if spec.picky is not None:
        yield from ("", "[picky]", f"share = {_value(spec.picky.share)}", f"kinds = {_value(list(spec.picky.kinds))}")


def _class(one: ClassSpec) -> Iterator[tuple[str, Any]]:
    if one.workload != one.name:
        yield "workload", one.workload
    if one.interarrival_s is not None:
        yield "interarrival_s", _law(one.interarrival_s)
    if one.arrivals is not None:
        yield from _arrivals(one.arrivals)
    if one.jobs is not None:
        yield "jobs", one.jobs
    for quantity in SIZES:
        law = getattr(one, quantity)
        if quantity != "gpus" or law != NONE:
            yield quantity, _law(law)
    if one.correlations:
        yield "correlations", [[tie.one, tie.other, tie.rho] for tie in one.correlations]
    if one.mapreduce is not None:
        for quantity in MAPREDUCE_QUANTITIES:
            yield f"mapreduce.{quantity}", _law(getattr(one.mapreduce, quantity))
    if one.uses is not None:
        laws = {quantity: getattr(one.uses, quantity) for quantity in USE_QUANTITIES}
        told = {name: law for name, law in laws.items() if law not in (None, READ_AHEAD if "io_size" in name else NONE)}
        if not told:
            yield "uses", {}
        for quantity, law in told.items():
            yield f"uses.{quantity}", _law(law)


def _arrivals(arrivals: ArrivalsSpec) -> Iterator[tuple[str, Any]]:
    yield "arrivals.rates_per_h", list(arrivals.rates_per_h)
    yield "arrivals.slot_s", arrivals.slot_s
    if arrivals.bursts:
        bursts = [{"every_s": burst.every_s, "variance": burst.variance} for burst in arrivals.bursts]
        yield "arrivals.bursts", bursts
    if arrivals.step_s:
        yield "arrivals.step_s", arrivals.step_s


def _law(law: Marginal) -> Any:
    if isinstance(law, Constant):
        return law.value
    arguments = {field.name: getattr(law, field.name) for field in fields(law)}  # type: ignore[arg-type]
    return {"law": type(law).__name__.lower(), **{key: value for key, value in arguments.items() if value != ()}}


def _broken(head: str, value: Any) -> Iterator[str]:
    """Give the lines of a key: lists that are too long for one line are broken between their elements."""
    whole = head + _value(value)
    if len(whole) <= LINE or not isinstance(value, Mapping | list):
        yield whole
    elif isinstance(value, list):
        yield f"{head}["
        yield from _elements(value)
        yield "]"
    else:
        # Within the braces of a table TOML lets a line end inside of a list only.
        line = f"{head}{{"
        for number, (key, one) in enumerate(value.items()):
            line += f"{', ' if number else ''}{_key(key)} = "
            if isinstance(one, tuple):
                yield f"{line}["
                yield from _elements(one)
                line = "]"
            else:
                line += _value(one)
        yield f"{line}}}"


def _elements(values: list[Any] | tuple[Any, ...]) -> Iterator[str]:
    line = "   "
    for value in values:
        text = f" {_value(value)},"
        if len(line) + len(text) > LINE and line.strip():
            yield line
            line = "   "
        line += text
    yield line


def _value(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {_value(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return repr(value)


def _text(text: str) -> str:
    # JSON's escapes are among TOML's; nothing that is printable needs another one.
    return json.dumps(text, ensure_ascii=False)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)
