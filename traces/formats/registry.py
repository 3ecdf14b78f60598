"""Finding the reader of a trace."""

from __future__ import annotations

import difflib
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

from policies.errors import UserError
from traces.reading.options import DEFAULT, ReadOptions
from traces.reading.rejects import Rejects
from traces.trace import Trace

#: Formats of recordings: the modules beside this one, but for the one that takes any file, which is asked last.
_READERS = {module.name for module in iter_modules([str(Path(__file__).parent)])} - {"registry"}
RECORDED = (*sorted(_READERS - {"native"}), "native")

GENERATED = "generated"


def open_trace(spec: str, rejects: Rejects, seed: int = 1, options: ReadOptions = DEFAULT) -> Trace:
    """Open a trace by ``FORMAT:PATH``, or by a path whose format is recognised.

    Parameters
    ----------
    spec : str
        For instance ``google2011:data/google``, ``jobs.csv``, ``generated:default``.
    rejects : Rejects
        Takes rows that cannot be used.
    seed : int
        Seed of a generated workload; recorded ones do not depend on it.
    options : ReadOptions
        What a reader of a recorded one is told.

    Raises
    ------
    UserError
        If the format is unknown or the path does not exist.
    """
    name, colon, rest = spec.partition(":")
    if colon and name == GENERATED:
        generated: Trace = import_module("traces.generate").open_generated(rest, seed, rejects)
        return generated
    path = Path(rest if colon and name in RECORDED else spec)
    if not path.exists():
        if colon and name not in RECORDED:
            known = [*RECORDED, GENERATED]
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else f" (there are: {', '.join(known)})"
            raise UserError(f"--trace {spec}: no trace format is called {name!r}{hint}")
        raise UserError(f"{path}: no such file or folder")
    if colon and name in RECORDED:
        return _read(_module(name), path, rejects, options)
    # One's own format is known by its header, without asking all others, which takes as long as a short run.
    for candidate in ("native",) if _module("native").is_certain(path) else RECORDED:
        module = _module(candidate)
        if module.looks_like(path):
            return _read(module, path, rejects, options)
    raise UserError(f"{path}: not recognised as any of {', '.join(RECORDED)}")


def _module(name: str) -> ModuleType:
    return import_module(f"traces.formats.{name}")


def _read(module: ModuleType, path: Path, rejects: Rejects, options: ReadOptions) -> Trace:
    trace: Trace = module.READER(path, rejects, options)
    return trace
