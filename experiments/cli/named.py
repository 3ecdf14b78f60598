"""Kinds of value on the command line that a shell can complete: names of what there is, and files.

What is typed is taken as it is: whoever uses a value knows what is wrong with it, and says so. Everything is looked up
only when a shell asks, and as little as possible is imported then: whoever presses Tab waits for it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import click
from click.shell_completion import CompletionItem
from click.types import StringParamType

Catalogue = Callable[[], Iterable[str] | Mapping[str, object]]


class Named(StringParamType):
    """Something that has a name; parameters may stand behind it.

    Parameters
    ----------
    catalogue : callable
        Gives the names; of a mapping, what they stand for explains them.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Give the names that begin so."""
        known = self._catalogue()
        what = known if isinstance(known, Mapping) else {}
        return [CompletionItem(name, help=_told(what.get(name))) for name in known if name.startswith(incomplete)]


class File(StringParamType):
    """A file, or one of a few words.

    Parameters
    ----------
    *words : str
        What may be given instead; with a colon at its end, what stands before a file.
    """

    def __init__(self, *words: str) -> None:
        self._words = words

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Give words and files that begin so."""
        return _items(_behind(self._words, incomplete))


class Trace(StringParamType):
    """A workload: ``FORMAT:PATH``, a path, or ``generated:NAME``.

    Parameters
    ----------
    only_generated : bool
        Whether it is the part behind ``generated:``.
    """

    def __init__(self, *, only_generated: bool = False) -> None:
        self._only_generated = only_generated

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Give formats, generated workloads and files that begin so."""
        if self._only_generated:
            return _items(self._generated("", incomplete))
        from traces.formats import GENERATED, RECORDED

        before = f"{GENERATED}:"
        if incomplete.startswith(before):
            return _items(self._generated(before, incomplete))
        return _items(_behind([before, *(f"{name}:" for name in RECORDED)], incomplete))

    @staticmethod
    def _generated(before: str, incomplete: str) -> Iterator[str]:
        from traces.generate.named import EMBEDDED

        begun = incomplete.removeprefix(before)
        yield from (before + name for name in EMBEDDED if name.startswith(begun))
        yield from (before + path for path in _paths(begun, ".toml"))


class Policy(Named):
    """A placement policy: a name, or ``FILE.py:NAME``."""

    def __init__(self) -> None:
        super().__init__(_policies)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Give policies, and what may be one in a file, that begin so."""
        file, colon, begun = incomplete.partition(":")
        if colon and file.endswith(".py"):
            return [CompletionItem(f"{file}:{name}") for name in _defined(Path(file)) if name.startswith(begun)]
        named = super().shell_complete(ctx, param, incomplete)
        return named + _items(path if path.endswith("/") else f"{path}:" for path in _paths(incomplete, ".py"))


class Experiment(Named):
    """An experiment: a name, or a file of one's own."""

    def __init__(self) -> None:
        super().__init__(_experiments)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Give experiments and files that begin so."""
        return super().shell_complete(ctx, param, incomplete) + _items(_paths(incomplete, ".py"))


class ResultsFolder(click.Path):
    """A results directory.

    Parameters
    ----------
    or_file : str, optional
        How the name of a file ends that may be given instead.
    """

    def __init__(self, or_file: str | None = None) -> None:
        super().__init__(path_type=Path)
        self._or_file = or_file

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Give folders with results if there are some, else all that may lead to them."""
        there = list(_paths(incomplete, () if self._or_file is None else self._or_file))
        results = {path for path in there if path.endswith("/") and (Path(path).expanduser() / "run.json").is_file()}
        return _items(path for path in there if not results or path in results or not path.endswith("/"))


class RecordedRun(StringParamType):
    """A run of the results directory or record that was named before, as ``ARCHITECTURE,POLICY,SEED``."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Give the runs that begin so."""
        from experiments.results.record import read_record
        from policies.errors import UserError

        # Where an option has no value yet, the words before it are not taken for anything.
        named = ctx.params.get("record") or ctx.params.get("folder") or next(iter(ctx.args), None)
        try:
            keys = [] if named is None else list(read_record(Path(named)).results)
        except UserError:
            return []
        return _items(run for run in (",".join(map(str, key)) for key in keys) if run.startswith(incomplete))


def _items(values: Iterable[str]) -> list[CompletionItem]:
    return [CompletionItem(value) for value in values]


def _told(what: object) -> str | None:
    """Explain a name in one line."""
    if isinstance(what, str):
        return what
    text = inspect.getdoc(what) if callable(what) else None
    return text.partition("\n")[0].replace(":", " ") if text else None


def _behind(words: Iterable[str], incomplete: str) -> Iterator[str]:
    """Give words, and files by themselves or behind a word that ends in a colon, that begin so."""
    words = list(words)
    before = next((word for word in words if word.endswith(":") and incomplete.startswith(word)), "")
    if not before:
        yield from (word for word in words if word.startswith(incomplete))
    yield from (before + path for path in _paths(incomplete.removeprefix(before)))


def _paths(incomplete: str, endings: str | tuple[str, ...] = "") -> Iterator[str]:
    """Give folders, with a slash behind them, and files of such a name, that begin so; hidden ones if asked for."""
    folder, slash, begun = incomplete.rpartition("/")
    try:
        there = sorted(Path(folder + slash).expanduser().iterdir())
    except OSError:
        return
    for path in there:
        if path.name.startswith(begun) and path.name.startswith(".") == begun.startswith("."):
            if path.is_dir():
                yield f"{folder}{slash}{path.name}/"
            elif path.name.endswith(endings):
                yield f"{folder}{slash}{path.name}"


def _defined(file: Path) -> list[str]:
    """Give the names of what a Python file defines for others; it is read, not run."""
    import ast

    try:
        body = ast.parse(file.expanduser().read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return []
    named = [node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return [name for name in named if not name.startswith("_")]


# -- what there is ------------------------------------------------------------------------------------------------


def _architectures() -> Mapping[str, object]:
    from policies.scheduling import ARCHITECTURES

    return ARCHITECTURES


def _queues() -> Mapping[str, object]:
    from policies.scheduling import DISCIPLINES

    return DISCIPLINES


def _sizings() -> Mapping[str, object]:
    from policies.scheduling import SIZINGS

    return SIZINGS


def _isolations() -> Mapping[str, object]:
    from policies.sharing import ISOLATIONS

    return ISOLATIONS


def _disks() -> Iterable[str]:
    from policies.sharing import DISKS

    return DISKS.keys()


def _policies() -> Mapping[str, object]:
    from importlib.metadata import entry_points

    from policies.placement.catalogue import BUILT_IN, ENTRY_POINTS

    return {**BUILT_IN, **{entry.name: f"of {entry.module}" for entry in entry_points(group=ENTRY_POINTS)}}


def _data_sets() -> Mapping[str, object]:
    from traces.fetching import CATALOGUE

    return {name: data_set.title for name, data_set in CATALOGUE.items()}


def _faults() -> Iterable[str]:
    from real.testbed.testbed import FAULTS

    return FAULTS


def _metrics() -> Iterable[str]:
    from experiments.measures.metrics import Metrics
    from policies.requests import ALWAYS
    from sim.contention import levels_of

    return Metrics(levels_of(ALWAYS, shared=True)).result(1.0).keys()


def _figures() -> Mapping[str, object]:
    from experiments.drawing.catalogue import PICTURES

    return {picture.stem: picture.title for picture in PICTURES}


def _experiments() -> Mapping[str, object]:
    # To import them all takes as long as a short run.
    folder = Path(__file__).parents[1]
    texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py"))}
    found = {
        name: text.removeprefix('"""').partition("\n")[0].removesuffix('"""').replace(":", " ")
        for name, text in texts.items()
        if re.search(r"^def points\(|^from .* import .*\bpoints\b", text, re.MULTILINE)
    }
    first_words = [name.partition("_")[0] for name in found]
    series = [word for word in dict.fromkeys(first_words) if first_words.count(word) > 1]
    return dict.fromkeys(series, "all that begin so") | found


ARCHITECTURE = Named(_architectures)
QUEUE = Named(_queues)
SIZING = Named(_sizings)
ISOLATION = Named(_isolations)
DISK = Named(_disks)
DATA_SET = Named(_data_sets)
FAULT = Named(_faults)
METRIC = Named(_metrics)
FIGURE = Named(_figures)
HOSTS = File("trace")
WORLD = File("tank", "docker:")
FILE = File()
POLICY = Policy()
EXPERIMENT = Experiment()
TRACE = Trace()
GENERATED_NAME = Trace(only_generated=True)
