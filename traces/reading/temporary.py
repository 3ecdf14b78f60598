"""A folder for what does not fit in memory."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from policies.errors import UserError


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a folder that is gone afterwards.

    Raises
    ------
    UserError
        Naming the folder, if there is no room in it, or it cannot be made.

    Notes
    -----
    Whoever reads a trace may stop at any time, and what read for him is collected whenever Python finds time for it.
    `tempfile.TemporaryDirectory` takes that for negligence and warns; here the folder just goes.
    """
    try:
        folder = Path(mkdtemp(prefix="towtank-"))
    except OSError as error:
        raise UserError(f"no folder for temporary files: {error.strerror or error}") from None
    try:
        yield folder
    except OSError as error:
        # Arrow's errors of what DuckDB could not do are of this class, too, and of several lines.
        reason = error.strerror or str(error).partition("\n")[0]
        raise UserError(f"{folder}: cannot sort the trace there: {reason}") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
