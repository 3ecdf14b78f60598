"""Python files of a user's own: loaded by their path, and what is wrong with them told in one line."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType

from policies.errors import UserError

#: What modules that are experiments of a user's own are called, before the name of their file.
OWN = "towtank_experiment_"

_loaded: dict[str, tuple[Path, str]] = {}


def load(path: Path, name: str, *, registered: bool = False) -> ModuleType:
    """Load a file as a module.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        What the module is called.
    registered : bool
        Whether others find it by that name, as whoever unpickles a function of it does.

    Raises
    ------
    UserError
        Naming file and line, if it cannot be read or run.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    specification = importlib.util.spec_from_file_location(name, path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    if registered:
        sys.modules[name] = module
    try:
        specification.loader.exec_module(module)
    except BaseException as error:
        if registered:
            del sys.modules[name]
        if isinstance(error, SyntaxError):
            raise UserError(f"{path}:{error.lineno}: {error.msg}") from None
        if not isinstance(error, (Exception, SystemExit)):
            raise
        line = traceback.extract_tb(error.__traceback__)[-1].lineno
        raise UserError(f"{path}:{line}: {type(error).__name__}: {error}") from error
    return module


def load_experiment(path: Path) -> ModuleType:
    """Load an experiment, unless this process has it already as it stands there now.

    Raises
    ------
    UserError
        If it cannot be loaded, or its name is no name in Python.
    """
    path = path.absolute()
    if not path.stem.isidentifier():
        raise UserError(f"{path}: the name of an experiment is made of letters, digits and _, as in my_study.py")
    name = OWN + path.stem
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    state = path, hashlib.sha256(path.read_bytes()).hexdigest()
    if name not in sys.modules or _loaded.get(name) != state:
        load(path, name, registered=True)
        _loaded[name] = state
    return sys.modules[name]
