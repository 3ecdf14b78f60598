"""What a user may name on the command line: policies, architectures and queue disciplines, with parameters."""

from __future__ import annotations

import difflib
import inspect
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from experiments.running.own_files import load
from policies.arrays import FloatArray
from policies.cell import ClusterView
from policies.errors import UserError
from policies.placement import BUILT_IN, Policy
from policies.placement.catalogue import ENTRY_POINTS, instantiate
from policies.placement.interface import terms_of
from policies.placement.placer import Checked
from policies.requests import Task
from policies.scheduling import ARCHITECTURES, DISCIPLINES, SIZINGS, Architecture, Discipline
from policies.scheduling.sizing import Sizing
from policies.sharing import ISOLATIONS, Isolation
from traces.units import seconds

#: How many times a score of somebody else's is tested for being row-wise.
LOOKS = 3


def nearest(name: str, known: Iterable[str]) -> str:
    """Give the part of a message that suggests what was meant."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, 1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f" (there are: {', '.join(known)})"


@dataclass(frozen=True)
class Choice:
    """Something named on the command line, as ``name`` or ``name:key=value,key=value``."""

    spec: str
    made_from: Callable[..., Any]
    parameters: Mapping[str, Any]
    foreign: bool = False  # not ours: what it does is looked at before it is believed


def architecture(spec: str) -> Architecture:
    """Find an architecture by name.

    Raises
    ------
    UserError
        With the nearest name, if there is none of that name, or if a parameter is wrong.
    """
    made: Architecture = _of_ours(spec, "architecture", ARCHITECTURES)
    return made


def queue(spec: str) -> Discipline:
    """Find a queue discipline by name.

    Raises
    ------
    UserError
        With the nearest name, if there is none of that name, or if a parameter is wrong.
    """
    made: Discipline = _of_ours(spec, "queue discipline", DISCIPLINES)
    return made


def sizing(spec: str) -> Sizing:
    """Find by name how many workers MapReduce jobs get.

    Raises
    ------
    UserError
        With the nearest name, if there is none of that name, or if a parameter is wrong.
    """
    made: Sizing = _of_ours(spec, "sizing of MapReduce jobs", SIZINGS)
    return made


def isolation(spec: str) -> Isolation:
    """Find by name how hosts keep containers from each other.

    Raises
    ------
    UserError
        With the nearest name, if there is none of that name, or if a parameter is wrong.
    """
    made: Isolation = _of_ours(spec, "isolation mode", ISOLATIONS)
    return made


def _of_ours(spec: str, what: str, catalogue: Mapping[str, Callable[..., Any]]) -> Any:
    name, _, rest = spec.partition(":")
    if name not in catalogue:
        raise UserError(f"no {what} is called {name!r}{nearest(name, catalogue)}")
    return catalogue[name](**_parameters(spec, rest, catalogue[name]))


def policy(spec: str) -> Choice:
    """Find a placement policy: by name, in a file (``path/to/mine.py:my_score``), or among installed packages.

    Raises
    ------
    UserError
        If it cannot be found or loaded, or if a parameter is wrong.
    """
    name, _, rest = spec.partition(":")
    if name.endswith(".py"):
        attribute, _, rest = rest.partition(":")
        made_from = _from_file(Path(name), attribute)
        return Choice(spec, made_from, _parameters(spec, rest, made_from), foreign=True)
    if name in BUILT_IN:
        return Choice(spec, BUILT_IN[name], _parameters(spec, rest, BUILT_IN[name]))
    import importlib.metadata  # only where a name is none of ours: it costs a twentieth of a start-up

    installed = {entry.name: entry for entry in importlib.metadata.entry_points(group=ENTRY_POINTS)}
    if name not in installed:
        raise UserError(f"no placement policy is called {name!r}{nearest(name, [*BUILT_IN, *installed])}")
    try:
        made_from = installed[name].load()
    except Exception as error:
        raise UserError(f"policy {name!r} of {installed[name].value} does not load: {error}") from error
    return Choice(spec, made_from, _parameters(spec, rest, made_from), foreign=True)


def make_policy(choice: Choice, rng: np.random.Generator) -> Policy:
    """Make the policy that one scheduler uses in one run.

    Raises
    ------
    UserError
        If it cannot be made of its parameters.
    """
    try:
        made = instantiate(choice.made_from, choice.parameters, rng)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"policy {choice.spec} cannot be made: {type(error).__name__}: {error}") from error
    if not choice.foreign:
        return made
    if hasattr(made, "choose"):
        return Checked(_Guarded(made, choice.spec), choice.spec)
    if not callable(made):
        raise UserError(f"policy {choice.spec} is neither a score (a function of view and task) nor has it a `choose`")
    return _Guarded(made, choice.spec)


class _Guarded:
    """Somebody else's policy: what goes wrong in it is told in one line that names it."""

    def __init__(self, made: Any, spec: str) -> None:
        self._made, self._spec, self.__name__ = made, spec, spec
        if hasattr(made, "choose"):
            self.choose = self._choose
        elif (terms := terms_of(made)) is not None:
            self.terms = partial(self._call, terms)
        self._looked_at = 0

    def __call__(self, view: ClusterView, task: Task) -> FloatArray:
        scores: FloatArray = self._call(self._made, view, task)
        if self._looked_at < LOOKS and len(view) > 1:
            self._looked_at += 1
            self._see_that_it_is_row_wise(view, task, scores)
        return scores

    def _see_that_it_is_row_wise(self, view: ClusterView, task: Task, scores: FloatArray) -> None:
        """Refuse a score that is not its rows' own, since scores are remembered and made anew row by row."""
        row = (7 * self._looked_at) % len(view)
        alone = np.asarray(self._call(self._made, view.rows(np.array([row])), task))
        if np.shape(scores) != (len(view),) or scores.dtype.kind not in "fiub" or alone.shape != (1,):
            return  # something else is wrong, and told where scores are used
        if not np.allclose(alone, scores[row], rtol=1e-9, equal_nan=True):
            raise UserError(
                f"policy {self._spec} is not row-wise: the score of a host must depend on that host's row alone "
                "(chance, memory or the whole view need a `choose`)"
            )

    def _choose(self, view: ClusterView, task: Task, k: int) -> Any:
        return self._call(self._made.choose, view, task, k)

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except UserError:
            raise
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            raise UserError(
                f"policy {self._spec} failed at {where.filename}:{where.lineno}: {type(error).__name__}: {error}"
            ) from error


def _from_file(path: Path, attribute: str) -> Any:
    if not attribute:
        raise UserError(f"say which policy of {path} is meant, as in --policy {path}:my_score")
    module = load(path, f"towtank_policy_{path.stem}")
    if not hasattr(module, attribute):
        public = [name for name in vars(module) if not name.startswith("_")]
        raise UserError(f"{path}: there is no {attribute!r} in it{nearest(attribute, public)}")
    return getattr(module, attribute)


def parameters_of(made_from: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Give the parameters that a user may set, by name; one that stands for any number of them last."""
    given_by_us = {"rng", "view", "task", "self"}
    try:
        everything = inspect.signature(made_from).parameters
    except (TypeError, ValueError):
        return {}
    named = {name: p for name, p in everything.items() if p.kind is not p.VAR_POSITIONAL}
    ours = (*ARCHITECTURES.values(), *DISCIPLINES.values())
    if not inspect.isclass(made_from) and made_from not in ours:
        # A score: its first two arguments are view and task, whatever it calls them.
        named = dict(list(named.items())[2:])
    return {name: p for name, p in named.items() if name not in given_by_us}


def _parameters(spec: str, rest: str, made_from: Callable[..., Any]) -> dict[str, Any]:
    known = parameters_of(made_from)
    any_name = next((p for p in known.values() if p.kind is p.VAR_KEYWORD), None)
    parameters = {}
    for item in filter(None, rest.split(",")):
        name, equals, value = item.partition("=")
        if not equals:
            raise UserError(f"{spec}: parameters are written key=value, and {item!r} is not")
        parameter = known.get(name, any_name)
        if parameter is None:
            raise UserError(f"{spec}: there is no parameter {name!r}{nearest(name, known) if known else ''}")
        if name in parameters:
            raise UserError(f"{spec}: {name} is given twice")
        parameters[name] = _value(spec, name, value, 0.0 if parameter is any_name else parameter.default)
    for name, parameter in known.items():
        if parameter.default is parameter.empty and parameter is not any_name and name not in parameters:
            raise UserError(f"{spec}: {name} must be given, as in {spec.partition(':')[0]}:…{name}=…")
    return parameters


def _value(spec: str, name: str, value: str, default: Any) -> Any:
    """Read a parameter, as the kind of thing that its default is."""
    if default is inspect.Parameter.empty or default is None:
        for read in (int, float):
            try:
                return read(value)
            except ValueError:
                continue
        return value
    if callable(default):
        chosen = policy(value)
        if inspect.isclass(chosen.made_from) or hasattr(chosen.made_from, "choose"):
            raise UserError(f"{spec}: {name} must be a score, and {value} is none")
        return chosen.made_from
    if isinstance(default, bool):
        if value.lower() not in ("true", "false"):
            raise UserError(f"{spec}: {name} is true or false, not {value!r}")
        return value.lower() == "true"
    if isinstance(default, str):
        return value
    try:
        return int(value) if isinstance(default, int) else seconds(value)
    except (ValueError, UserError):
        kind = "whole number" if isinstance(default, int) else "number"
        raise UserError(f"{spec}: {name} is a {kind}, not {value!r}") from None
