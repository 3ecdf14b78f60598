"""Runs of experiments, kept by what decides them, so that each is made once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from experiments.results.locking import Lock
from experiments.results.result import Result
from experiments.results.study import RunKey
from policies.errors import UserError
from traces.whole import written_whole


def name_of(configuration: Mapping[str, Any]) -> str:
    """Give the name that a run is kept under: a digest of everything that decides what it comes to."""
    return hashlib.sha256(_plain(configuration).encode()).hexdigest()[:32]


class Store:
    """The folder ``runs``: a file ``NAME.json`` for each run, there only once it is whole.

    Parameters
    ----------
    folder : Path
        The folder. What is in it of other configurations, or of other code, is left alone.
    fresh : bool
        Whether nothing that is there counts; runs are kept nonetheless.

    Notes
    -----
    A number is read back as it was written, to the last bit: an experiment comes to the same whether its runs were
    made now or are read.
    """

    def __init__(self, folder: Path, *, fresh: bool = False) -> None:
        self._folder, self._fresh = folder, fresh
        self._lock = Lock(folder)

    def begin(self) -> None:
        """Have the folder to ourselves until `end`.

        Raises
        ------
        UserError
            If another process is writing into it, or it cannot be made.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{self._folder}: {error.strerror or error}") from None
        self._lock.take()
        for part in self._folder.glob("*.part"):
            part.unlink(missing_ok=True)

    def end(self) -> None:
        """Let others have the folder."""
        self._lock.release()

    def get(self, name: str) -> Result | None:
        """Read a run; None if it is not there, or cannot be read."""
        if self._fresh:
            return None
        try:
            return _read(json.loads(self._file(name).read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, name: str, configuration: Mapping[str, Any], result: Result) -> Result:
        """Keep a run, and give it as it will be read.

        Raises
        ------
        UserError
            If it cannot be written, or a fold made something else than plain numbers and texts.
        """
        plain = {
            "key": result.key._asdict(), "metrics": result.metrics, "cost": result.cost, "notes": list(result.notes),
            "folded": list(result.folded), "explained": list(result.explained),
        }  # fmt: skip
        try:
            text = _plain({"configuration": configuration, "result": plain})
        except (TypeError, ValueError) as error:
            raise UserError(f"a run can be kept only if its rows are numbers, texts and lists: {error}") from None
        with written_whole(self._file(name)) as part:
            part.write_text(text + "\n", encoding="utf-8")
        return _read(json.loads(text))

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.json"


def _read(whole: Mapping[str, Any]) -> Result:
    plain = whole["result"]
    return Result(
        RunKey(**plain["key"]), plain["metrics"], plain["cost"], tuple(plain["notes"]), plain["folded"],
        plain["explained"],
    )  # fmt: skip


def _plain(value: object) -> str:
    return json.dumps(value, default=_number, indent=1)


def _number(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is none of these")
