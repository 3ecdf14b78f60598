"""Files that are there only once they are whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from policies.errors import UserError


def unfinished(path: Path) -> Path:
    """Give the name that a file has until it is whole."""
    return path.with_name(f"{path.name}.part")


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give the path to write a file under; it gets its own name once it was written without an error.

    Raises
    ------
    UserError
        Naming the file, if it cannot be written.
    """
    part = unfinished(path)
    try:
        yield part
        os.replace(part, path)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)
