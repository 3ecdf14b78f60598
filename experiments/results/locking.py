"""A folder that one process at a time writes into."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from policies.errors import UserError


class Lock:
    """Keeps other processes from writing into a folder; if ours is killed the system takes it back.

    Parameters
    ----------
    folder : Path
        The folder, which is there when the lock is taken.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: int | None = None

    def take(self) -> None:
        """Have the folder to ourselves until `release`, or as long as this process lives.

        Raises
        ------
        UserError
            If another process has it.
        """
        self._held = os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.release()
            raise UserError(f"{self._folder}: another process is writing into it") from None

    def release(self) -> None:
        """Let others have the folder."""
        if self._held is not None:
            os.close(self._held)
            self._held = None
