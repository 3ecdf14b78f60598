"""One Docker Engine: how it is reached, and what its errors say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import docker
from docker.tls import TLSConfig
from requests import exceptions as requests_errors

from policies.errors import UserError
from traces.inventory import HostEntry

#: Seconds that an Engine has to answer what needs no work: lists, inspections, pings.
ANSWER_S = 5.0
#: Seconds that it has to create, start or remove: a slow disk under load makes these last.
WORK_S = 60.0

#: Connections that are kept open to an Engine: more than threads that talk to it.
CONNECTIONS = 64

#: The oldest version of the API that we speak: Docker 19.03.
OLDEST_API = "1.40"


class EngineError(Exception):
    """An Engine did not do what it was asked; the message is one line that names the host.

    Attributes
    ----------
    status : int
        The HTTP status of its answer; 0 where it gave none, so that nobody knows whether it did what it was asked.
    """

    def __init__(self, host: str, message: str, status: int = 0) -> None:
        super().__init__(f"host {host}: {message}")
        self.status = status

    @property
    def answered(self) -> bool:
        """Whether the Engine answered at all."""
        return self.status > 0


def connect(entry: HostEntry, timeout_s: float = ANSWER_S) -> docker.APIClient:
    """Reach an Engine, and agree with it on a version of the API.

    Parameters
    ----------
    entry : HostEntry
        Which.
    timeout_s : float
        How long each call may take.

    Returns
    -------
    docker.APIClient
        For use from several threads.

    Raises
    ------
    UserError
        If the entry cannot be right: an unknown context, files that are not there, no library for ``ssh://``.
    EngineError
        If nobody answers.
    """
    entry, tls = _resolved(entry)
    try:
        client = _client(entry, tls, timeout_s, OLDEST_API)
        theirs = client.version(api_version=False)["ApiVersion"]
        client.close()
        return _client(entry, tls, timeout_s, min(theirs, docker.constants.DEFAULT_DOCKER_API_VERSION, key=_version))
    except Exception as error:
        raise explained(entry.name, error) from error


def _client(entry: HostEntry, tls: TLSConfig | None, timeout_s: float, version: str) -> docker.APIClient:
    client = docker.APIClient(
        entry.address, version=version, timeout=timeout_s, tls=tls or False, max_pool_size=CONNECTIONS
    )
    # Variables such as REQUESTS_CA_BUNDLE and *_PROXY would override what the inventory says.
    client.trust_env = False
    return client


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def _resolved(entry: HostEntry) -> tuple[HostEntry, TLSConfig | None]:
    """Give the entry with its address, and the protection of the connection."""
    if entry.context:
        return _of_context(entry)
    if entry.address.startswith("ssh://"):
        try:
            import paramiko  # noqa: F401  # docker's own message names no package of ours
        except ImportError:
            raise UserError(f"host {entry.name}: ssh:// needs more libraries: pip install 'towtank[ssh]'") from None
    if entry.tls is None:
        return entry, None
    try:
        certificate = (entry.tls.cert, entry.tls.key) if entry.tls.cert else None
        return entry, TLSConfig(client_cert=certificate, ca_cert=entry.tls.ca, verify=True)
    except docker.errors.TLSParameterError as error:
        raise UserError(f"host {entry.name}: tls: {_one_line(error)}") from None


def _of_context(entry: HostEntry) -> tuple[HostEntry, TLSConfig | None]:
    # The library takes the default socket for a context that it does not find: here that is an error.
    known = {context.Name: context for context in docker.context.ContextAPI.contexts()}
    context = known.get(entry.context)
    if context is None:
        raise UserError(f"host {entry.name}: there is no Docker context {entry.context!r}; there is {', '.join(known)}")
    return replace(entry, address=context.Host, context=""), context.TLSConfig


def explained(host: str, error: Exception) -> Exception:
    """Give an error of the library as one of ours; what is not the Engine's or the user's stays as it is.

    Parameters
    ----------
    host : str
        Which host was spoken to.
    error : Exception
        What was raised.
    """
    if isinstance(error, EngineError | UserError):
        return error
    if isinstance(error, docker.errors.APIError):
        return EngineError(host, _one_line(error.explanation or error), error.status_code or 500)
    if isinstance(error, requests_errors.ReadTimeout):
        return EngineError(host, "no answer in time")
    if isinstance(error, requests_errors.ConnectTimeout):
        return EngineError(host, "cannot be reached: no connection in time")
    if isinstance(error, requests_errors.SSLError):
        return EngineError(host, f"TLS: {_one_line(_innermost(error))}")
    if isinstance(error, requests_errors.RequestException | docker.errors.DockerException | OSError | EOFError):
        return EngineError(host, f"cannot be reached: {_one_line(_innermost(error))}")
    if type(error).__module__.partition(".")[0] in ("paramiko", "urllib3", "http"):
        return EngineError(host, f"cannot be reached: {_one_line(error)}")
    return error


def _innermost(error: BaseException) -> BaseException:
    """Give what began it: the outer errors of a connection tell of pools and retries."""
    seen: Any = error
    while isinstance(seen, BaseException):
        error = seen
        seen = getattr(seen, "reason", None) or next((a for a in seen.args if isinstance(a, BaseException)), None)
    return error


def _one_line(error: object) -> str:
    return " ".join(str(error).split()) or type(error).__name__
