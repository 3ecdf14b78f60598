"""The labels by which what we make on hosts is known. What has no `OWNER` is not ours, and is never touched."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Iterable
from typing import NamedTuple

#: Whose it is: user and machine of the process that made it.
OWNER = "towtank.owner"
#: On images of ours, since a container has the labels of its image, too.
IMAGE = "towtank.image"
#: Which run made it.
RUN = "towtank.run"
#: The job's name, which of its containers it is, and how many times that container was started before.
JOB, TASK, ATTEMPT = "towtank.job", "towtank.task", "towtank.attempt"
#: The job's workload class and user, and when it was submitted, in seconds since the run began.
WORKLOAD, USER, SUBMITTED = "towtank.workload", "towtank.user", "towtank.submitted_s"
#: Millicores, bytes and priority that were asked for, since what an Engine is told of them is less.
CPU_MILLI, MEMORY_BYTES, PRIORITY = "towtank.cpu_milli", "towtank.memory_bytes", "towtank.priority"


class Ours(NamedTuple):
    """What is asked for of an Engine's lists: everything of an owner, or of one run."""

    owner: str
    run: str = ""

    def filters(self) -> dict[str, list[str]]:
        """Give the filter of an Engine's list."""
        labels = [f"{OWNER}={self.owner}"]
        if self.run:
            labels.append(f"{RUN}={self.run}")
        return {"label": labels}

    def labels(self) -> dict[str, str]:
        """Give the labels of what is made."""
        return {OWNER: self.owner, RUN: self.run}


def this_owner() -> str:
    """Say who we are, as the labels of what we make have it."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a process of a user whom the system has no name for
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


def is_ours(labels: Iterable[str] | None) -> bool:
    """Say whether a container or a volume with these labels was made by Towtank, whoever ran it."""
    return OWNER in (labels or ())
