"""A run's Docker hosts: found, made ready, and left as they were."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.results.study import RunKey, Study
from policies.errors import UserError
from policies.sharing import disk_named

if TYPE_CHECKING:
    from real.labels import Ours
    from real.running.survey import Surveyed
    from traces.inventory import HostEntry

#: What stands before an inventory where a world is named.
PREFIX = "docker:"


def is_at_sea(study: Study) -> bool:
    """Say whether a study runs on Docker hosts.

    Raises
    ------
    UserError
        If it says neither that nor the tank.
    """
    if study.on == "tank":
        return False
    if study.on.startswith(PREFIX) and study.on != PREFIX:
        return True
    raise UserError(f"--on {study.on}: must be tank or docker:INVENTORY")


def entries_of(study: Study) -> list[HostEntry]:
    """Give the Docker hosts that a study names."""
    from traces.inventory import entries_named

    return entries_named(study.on.removeprefix(PREFIX))


def ours_of(study: Study, key: RunKey) -> Ours:
    """Give the labels of a run: the same for the same run, so that it finds again what it left when it was killed."""
    from real.labels import Ours, this_owner  # docker is loaded only where there are Docker hosts

    text = json.dumps([study.as_json(), *key], sort_keys=True)
    return Ours(this_owner(), hashlib.sha256(text.encode()).hexdigest()[:10])


@contextmanager
def docker_hosts(study: Study, key: RunKey, notes: list[str]) -> Iterator[tuple[list[Surveyed], Ours]]:
    """Find the hosts of a run and make them ready; leave nothing there afterwards, however it ended.

    Parameters
    ----------
    study, key : Study, RunKey
        Which run.
    notes : list of str
        Gets what a reader of the results must know.

    Raises
    ------
    UserError
        If a host cannot be reached or made ready, or the very same run goes on already.
    """
    from real.running.survey import prepare, survey

    ours = ours_of(study, key)
    with _alone(ours):
        surveyed = survey(entries_of(study), ours, disk_named(study.host_disk))
        try:
            notes += prepare(surveyed)
            yield surveyed, ours
        except BaseException as error:
            # There will be no results to read it in.
            for line in _cleaned(study, surveyed, ours):
                error.add_note(line)
            raise
        notes += _cleaned(study, surveyed, ours)


def _cleaned(study: Study, surveyed: list[Surveyed], ours: Ours) -> list[str]:
    from real.running.survey import clean_up

    inventory = study.on.removeprefix(PREFIX)
    try:
        return clean_up(surveyed, ours, inventory)
    except KeyboardInterrupt as error:
        error.add_note(f"while it cleaned up: what is left, towtank hosts clean {inventory} --run {ours.run} removes")
        raise


@contextmanager
def _alone(ours: Ours) -> Iterator[None]:
    """Refuse to make the same run twice at once: each would take the containers of the other for its own."""
    path = Path(tempfile.gettempdir()) / f"towtank-{os.getuid()}-{ours.run}.lock"
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError("this very run goes on already in another process") from None
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
