"""Kinds of value on the command line."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import click

from policies.errors import UserError
from traces import units


class Time(click.ParamType):
    """A time such as ``90s``, ``5min``, ``1d``."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Give seconds."""
        return _read(self, units.seconds, value, param, ctx)


class Size(click.ParamType):
    """A size such as ``64GiB``."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Give bytes."""
        return _read(self, units.size, value, param, ctx)


class PerClass(click.ParamType):
    """One value for all workload classes, or one for each: ``0.1`` or ``batch=0.1,service=10``."""

    def __init__(self, of: str, *, whole: bool = False, only_per_class: bool = False) -> None:
        self.name = of
        self._whole, self._only_per_class = whole, only_per_class

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Give a number, or a dictionary of them."""
        if not isinstance(value, str):
            return value
        if "=" not in value and not self._only_per_class:
            return self._number(value, param, ctx)
        numbers = {}
        for item in value.split(","):
            name, equals, number = item.partition("=")
            if not equals or not name:
                self.fail(f"{item!r} is not of the form class=value", param, ctx)
            numbers[name.strip()] = self._number(number, param, ctx)
        return numbers

    def _number(self, text: str, param: click.Parameter | None, ctx: click.Context | None) -> float | int:
        if not self._whole:
            return _read(self, units.seconds, text, param, ctx)
        if not text.strip().isdigit() or int(text) < 1:
            self.fail(f"{text!r} is not a whole number from 1", param, ctx)
        return int(text)


class Share(click.ParamType):
    """A share of something, ``2%`` or ``0.02``."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Give it as a number between 0 and 1, neither included."""
        if not isinstance(value, str):
            return value
        text = value.strip()
        try:
            share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            share = nan
        if not 0 < share < 1:
            self.fail(f"{value!r} is no share between 0 and 1, as 2% or 0.02", param, ctx)
        return share


class Cores(click.ParamType):
    """Cores of users: ``ann=64,*=16``."""

    name = "cores"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, float]:
        """Give the cores of each user."""
        if not isinstance(value, str):
            return value
        cores: dict[str, float] = {}
        for item in value.split(","):
            # From the right: the users of public traces are called by hashes, which may end in =.
            user, equals, number = item.rpartition("=")
            if not equals or not user:
                self.fail(f"{item!r} is not of the form user=cores", param, ctx)
            if user in cores:
                self.fail(f"{user} is given twice", param, ctx)
            try:
                cores[user] = float(number)
            except ValueError:
                cores[user] = nan
            if not 0 <= cores[user] < inf:
                self.fail(f"{number!r} is not a number of cores", param, ctx)
        return cores


class Seeds(click.ParamType):
    """Whole numbers separated by commas."""

    name = "seeds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Give the seeds, each once."""
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in value.split(",")]
        if not all(part.isdigit() for part in parts):
            self.fail(f"{value!r} is not a list of whole numbers from 0, as in 1,2,3", param, ctx)
        return tuple(dict.fromkeys(int(part) for part in parts))


def _read(kind: click.ParamType, read: Any, value: Any, param: Any, ctx: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return read(value)
    except UserError as error:
        kind.fail(str(error), param, ctx)
