"""Fetching files by HTTP: on from where it was cut off, and never taken for whole before it is."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from policies.errors import UserError

if TYPE_CHECKING:
    from requests import Response, Session

#: How much is written at a time.
PIECE_BYTES = 2**16
#: How long a server may say nothing, in seconds: to be reached, and between two pieces.
PATIENCE_S = (10.0, 60.0)

_ANEW = "the server gives no rest of this file, or it has changed: fetched anew"

#: Says how many bytes of the file are there, and how many it will have (None: nobody knows).
Watch = Callable[[int, int | None], None]


class Remote(NamedTuple):
    """What a server says of a file before it is fetched.

    Attributes
    ----------
    size : int, optional
        Bytes; None where the server does not say.
    tag : str
        A strong ETag or the time of its last change, by which a change shows; empty where the server says neither.
    """

    size: int | None
    tag: str


class Fetched(NamedTuple):
    """What became of a file.

    Attributes
    ----------
    came : int
        Bytes that came now.
    kept : int
        Bytes that were there from before.
    note : str
        What went otherwise than planned; empty for nothing.
    """

    came: int
    kept: int
    note: str = ""


def new_session() -> Session:
    """Make a session that asks for files as they are, not compressed on the way: lengths and ranges are of the file."""
    import requests  # only where it is used: it costs a start-up

    session: Session = requests.Session()
    session.headers["Accept-Encoding"] = "identity"
    return session


def look(session: Session, url: str) -> Remote:
    """Ask a server how large a file is.

    Raises
    ------
    UserError
        If there is no such server or file, or a page comes instead of it.
    """
    with _one_line_errors(url):
        response = session.head(url, allow_redirects=True, timeout=PATIENCE_S)
        if response.status_code in (403, 405, 501):  # a server need not know HEAD
            with session.get(url, stream=True, timeout=PATIENCE_S) as response:
                _check(response, url)
                return _remote(response)
        _check(response, url)
        return _remote(response)


def fetch_file(
    session: Session, url: str, path: Path, *, size: int | None = None, sha256: str = "", watch: Watch | None = None
) -> Fetched:
    """Fetch a file into ``PATH.part``, which becomes `path` once it is whole and right.

    Parameters
    ----------
    session : requests.Session
        See `new_session`.
    url : str
        Its address.
    path : Path
        Where it goes; must not be there.
    size : int, optional
        How large it must be.
    sha256 : str
        Its checksum, in hexadecimal; empty where nobody knows it.
    watch : function, optional
        Told after each piece.

    Raises
    ------
    UserError
        In one line: no network, no such file, a page instead of it, another size or checksum, no room. What came of the
        file stays in ``PATH.part``, and the next call goes on from there; of a wrong checksum nothing does.

    Notes
    -----
    Beside the part stands ``PATH.part.json`` with the tag of the file that it is a part of (`Remote.tag`). The server
    is asked for the rest of that file only (``If-Range``, RFC 9110, section 13.1.5); what it sends is a rest only if
    it says 206 and where it begins. Otherwise all is fetched anew. Without a tag a change would not show but in the
    checksum, so there is no going on.
    """
    part, about = path.with_name(f"{path.name}.part"), path.with_name(f"{path.name}.part.json")
    with _one_line_errors(url), _room(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        have, tag = _begun(part, about, url)
        asked = {"Range": f"bytes={have}-", "If-Range": tag} if have else {}
        with session.get(url, headers=asked, stream=True, timeout=PATIENCE_S) as response:
            begins, note = have, ""
            total: int | None = have
            if response.status_code == 416 and have and not _nothing_is_left(response, have):
                part.unlink()  # there is more of it here than the server has
                return fetch_file(session, url, path, size=size, sha256=sha256, watch=watch)._replace(note=_ANEW)
            if not _nothing_is_left(response, have):
                _check(response, url)
                begins, note = _beginning(response, have)
                total = _total(response, begins)
                _before(url, path.parent, begins, total, size)
                about.write_text(json.dumps({"url": url, "tag": _remote(response).tag or (tag if begins else "")}))
                _write(response, part, begins, total, watch)
        there = part.stat().st_size
        expected = size if total is None else total
        if expected is not None and there < expected:
            raise UserError(
                f"{url}: cut off after {there:,} of {expected:,} bytes; the same command goes on from there"
            )
        wrong = "its length is not" if expected is not None and there != expected else ""
        wrong = wrong or ("its checksum (SHA-256) is not" if sha256 and _digest(part) != sha256 else "")
        if wrong:
            part.unlink()
            about.unlink(missing_ok=True)
            raise UserError(f"{url}: what came of it was thrown away: {wrong} the published one")
        os.replace(part, path)
        about.unlink(missing_ok=True)
        return Fetched(there - begins, begins, note)


def checksums(session: Session, url: str) -> dict[str, str]:
    """Fetch a list of checksums as ``sha256sum`` writes it, by names of files.

    Raises
    ------
    UserError
        If it cannot be fetched, or is none.
    """
    with _one_line_errors(url):
        response = session.get(url, timeout=PATIENCE_S)
        _check(response, url)
    found = dict(re.findall(r"^([0-9a-fA-F]{64}) [ *](.+?)\r?$", response.text, re.MULTILINE))
    if not found:
        raise UserError(f"{url}: is no list of checksums")
    return {name: digest.lower() for digest, name in found.items()}


def same_as_known(path: Path, size: int | None, sha256: str) -> bool:
    """Say whether a file that is there has the size and the checksum that are known; unknown ones are right."""
    if size is not None and path.stat().st_size != size:
        return False
    return not sha256 or _digest(path) == sha256


def _before(url: str, folder: Path, begins: int, total: int | None, size: int | None) -> None:
    """Refuse a file that is not the known one, or that there is no room for."""
    if total is None:
        return
    if size is not None and total != size:
        raise UserError(f"{url}: has {total:,} bytes instead of {size:,}: it has changed")
    free = shutil.disk_usage(folder).free
    if total - begins > free:
        raise UserError(f"{folder}: no room: {total - begins:,} bytes are to come, {free:,} are free")


def _write(response: Response, part: Path, begins: int, total: int | None, watch: Watch | None) -> None:
    """Write what comes behind what is there."""
    there = begins
    with part.open("r+b" if begins else "wb") as file:
        file.truncate(begins)
        file.seek(begins)
        for piece in response.iter_content(PIECE_BYTES):
            file.write(piece)
            there += len(piece)
            if watch is not None:
                watch(there, total)
        file.flush()
        os.fsync(file.fileno())


def _nothing_is_left(response: Response, have: int) -> bool:
    """Say whether all of the file is there: no byte of it is behind those (416, and its size)."""
    return response.status_code == 416 and response.headers.get("Content-Range", "") == f"bytes */{have}"


def _begun(part: Path, about: Path, url: str) -> tuple[int, str]:
    """Say how much of this file is there, and the tag of what it is a part of."""
    try:
        known = json.loads(about.read_text())
        if isinstance(known, dict) and known.get("url") == url and known.get("tag"):
            return part.stat().st_size, str(known["tag"])
    except (OSError, ValueError):
        pass
    return 0, ""


def _beginning(response: Response, have: int) -> tuple[int, str]:
    """Say which byte is the first to come, and what to say of it."""
    if response.status_code != 206:
        return 0, _ANEW if have else ""
    match = re.fullmatch(r"bytes (\d+)-\d+/(?:\d+|\*)", response.headers.get("Content-Range", ""))
    if match is None or int(match[1]) != have:
        raise UserError(f"{response.url}: the server sends another part of it than was asked for")
    return have, ""


def _total(response: Response, begins: int) -> int | None:
    """Give the size of the whole file, None where the server does not say."""
    length = response.headers.get("Content-Length", "")
    return begins + int(length) if length.isdigit() else None


def _remote(response: Response) -> Remote:
    tag = response.headers.get("ETag", "")
    if not tag or tag.startswith("W/"):  # a weak one says that the file means the same, not that it is the same
        tag = response.headers.get("Last-Modified", "")
    return Remote(_total(response, 0), tag)


def _check(response: Response, url: str) -> None:
    """Refuse what is not the file."""
    if response.status_code == 404:
        raise UserError(f"{url}: the server has no such file (404)")
    if not 200 <= response.status_code < 300:
        raise UserError(f"{url}: the server says {response.status_code} {response.reason}")
    packed = response.headers.get("Content-Encoding", "identity")
    if packed != "identity":
        raise UserError(f"{url}: the server packs it ({packed}) on the way: its length and checksum cannot be checked")
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        where = "" if response.url == url else f" (from {response.url})"
        raise UserError(f"{url}: a web page comes instead of the file{where}: it has moved, or wants a login")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _room(path: Path) -> Iterator[None]:
    """Say in one line that the disk is full, or that nothing can be written there."""
    try:
        yield
    except OSError as error:
        if not _is_of_network(error):
            full = " (what came of it stays; make room, and the same command goes on)"
            more = full if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
            raise UserError(f"{error.filename or path}: {error.strerror or error}{more}") from None
        raise


@contextmanager
def _one_line_errors(url: str) -> Iterator[None]:
    """Say in one line what is wrong with the network."""
    import requests

    try:
        yield
    except requests.Timeout:
        raise UserError(f"{url}: the server says nothing; the same command goes on where it stopped") from None
    except requests.TooManyRedirects:
        raise UserError(f"{url}: is sent from one address to the next without end") from None
    except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError):
        raise UserError(f"{url}: cut off; the same command goes on from there") from None
    except requests.ConnectionError:
        raise UserError(f"{url}: cannot be reached, or says nothing any more: is there a network?") from None
    except requests.RequestException as error:
        raise UserError(f"{url}: {str(error).splitlines()[0]}") from None


def _is_of_network(error: OSError) -> bool:
    import requests

    return isinstance(error, requests.RequestException)
