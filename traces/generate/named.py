"""Generated workloads by name: embedded ones and those described in a file, as they are or with parameters."""

from __future__ import annotations

import difflib
import math
from dataclasses import replace
from pathlib import Path

from policies.errors import UserError
from traces.generate.default import DEFAULT
from traces.generate.drawing import Generated
from traces.generate.omega import CLUSTERS
from traces.generate.published import LOADS
from traces.generate.reading import read_spec
from traces.generate.shapes import CPU_IO, CPU_IO_SMALL, CPU_IO_WAVES
from traces.generate.spec import FACTORS, PickySpec, PrefillSpec, WorkloadSpec
from traces.reading.rejects import Rejects
from traces.trace import Trace
from traces.units import seconds

#: Workloads that are there without a file.
EMBEDDED = {
    "default": DEFAULT,
    "generated": DEFAULT,
    "cpu-io": CPU_IO,
    "cpu-io-small": CPU_IO_SMALL,
    "cpu-io-waves": CPU_IO_WAVES,
    **CLUSTERS,
    **LOADS,
}

#: Stands before a folder of the Omega simulator's input files.
OMEGA_FILES = "omega-files:"


def open_generated(name: str, seed: int, rejects: Rejects) -> Trace:
    """Draw the workload of this name: one of `EMBEDDED`, or a TOML file; parameters may stand behind it.

    Or ``omega-files:FOLDER``, drawn from what the Omega simulator draws its jobs from.

    They are written as those of policies are, ``omega-b:batch-rate=2,scale=0.1``:

    - ``scale``, and ``CLASS-rate``, ``CLASS-tasks``, ``CLASS-duration``, ``CLASS-cpus``, ``CLASS-memory``: factors, see
      `WorkloadSpec.scaled`,
    - ``CLASS-workload``: the workload class of its jobs, whose scheduler they have,
    - ``span``: how long jobs arrive,
    - ``prefill``: share of the CPU that is allocated at the beginning, 0 for none,
    - ``picky``: share of the jobs that must have a certain kind of machine.

    Raises
    ------
    UserError
        If the file or a parameter cannot be used.
    """
    base, colon, parameters = name.rpartition(":")
    if not colon or "=" not in parameters:
        base, parameters = name, ""
    if base.startswith(OMEGA_FILES):
        from traces.generate.omega_files import OmegaFiles  # only where it is used: it reads tables

        folder = Path(base.removeprefix(OMEGA_FILES))
        if not folder.exists():
            raise UserError(f"{folder}: no such file or folder")
        return OmegaFiles(folder, rejects, seed=seed, change=lambda spec: _with_parameters(spec, parameters, name))
    if base in EMBEDDED:
        spec, file = EMBEDDED[base], None
    else:
        file = Path(base)
        near = difflib.get_close_matches(base, EMBEDDED, 1)
        if near and not file.exists():
            raise UserError(f"{base}: no such file, and no workload that is there without one; did you mean {near[0]}?")
        spec = read_spec(file)
    return Generated(_with_parameters(spec, parameters, name), seed, rejects, name, file)


def _with_parameters(spec: WorkloadSpec, parameters: str, name: str) -> WorkloadSpec:
    cell, factors, others = 1.0, dict[str, dict[str, float]](), dict[str, object]()
    classes = [one.name for one in spec.classes]
    keys = (*FACTORS, "workload")
    known = ["scale", "span", "prefill", "picky", *(f"{workload}-{key}" for workload in classes for key in keys)]
    given = set[str]()
    for item in filter(None, parameters.split(",")):
        key, _, text = item.partition("=")
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise UserError(f"{name}: there is no parameter {key!r}; {hint}")
        if key in given:
            raise UserError(f"{name}: {key} is given twice")
        given.add(key)
        try:
            if key == "span":
                others["span_s"] = seconds(text)
            elif key == "scale":
                cell = _number(text)
            elif key == "prefill":
                others["prefill"] = _prefill(spec, _number(text))
            elif key == "picky":
                others["picky"] = PickySpec(_number(text))
            elif key.endswith("-workload"):
                spec = _served_as(spec, key.removesuffix("-workload"), text)
            else:
                workload, _, factor = key.rpartition("-")
                factors.setdefault(factor, {})[workload] = _number(text)
        except (UserError, ValueError) as error:
            raise UserError(f"{name}: {key}: {error}") from None
    try:
        return replace(spec, **others).scaled(cell, **factors)  # type: ignore[arg-type]
    except ValueError as error:
        raise UserError(f"{name}: {error}") from None


def _prefill(spec: WorkloadSpec, share: float) -> PrefillSpec | None:
    if not share:
        return None
    return PrefillSpec(share) if spec.prefill is None else replace(spec.prefill, cpu_allocated=share)


def _served_as(spec: WorkloadSpec, name: str, workload: str) -> WorkloadSpec:
    classes = tuple(replace(one, workload=workload) if one.name == name else one for one in spec.classes)
    return replace(spec, classes=classes)


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None
    if not math.isfinite(number):
        raise ValueError(f"{text!r} is not finite")
    return number
