"""Fetching data sets: from a server of our own, which cuts off, changes its mind, and says what others say."""

import errno
import hashlib
import json
import threading
from collections import namedtuple
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner

from experiments.cli import towtank
from policies.errors import UserError
from traces.fetching import CATALOGUE, DataSet, RemoteFile, checksums, fetch_file, look, new_session, same_as_known
from traces.formats import RECORDED

#: Of several pieces, none like another.
DATA = b"".join(b"%07d\n" % number for number in range(40_000))
SHA256 = hashlib.sha256(DATA).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves files, and misbehaves as it is told to.

    Attributes
    ----------
    files : dict of str to bytes
        By path.
    ranges : bool
        Whether it knows them.
    tag : str
        What it calls the present version of its files; empty for nothing.
    cut : int, optional
        After how many bytes of ``/a.csv`` it hangs up, once.
    asked : list of (str, str, str or None)
        Method, path and Range of every request.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {"/a.csv": DATA}
        self.ranges, self.tag, self.cut = True, '"v1"', None
        self.kind, self.lengths, self.status, self.encoding, self.head = "text/csv", True, None, "", True
        self.asked = []

    def at(self, path):
        return f"http://127.0.0.1:{self.server_port}{path}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, body):
        server = self.server
        server.asked.append((self.command, self.path, self.headers.get("Range")))
        if self.path == "/moved.csv":
            return self.head(302, Location="/a.csv")
        if self.path == "/login.csv":
            return self.head(302, Location="/login")
        if self.path == "/circle":
            return self.head(302, Location="/circle")
        if not body and not server.head:
            return self.head(405)
        if server.status is not None:
            return self.head(server.status)
        data = server.files.get(self.path)
        if data is None:
            return self.head(404)
        headers = {"Content-Type": server.kind if self.path != "/login" else "text/html; charset=utf-8"}
        headers |= {"ETag": server.tag} if server.tag else {}
        headers |= {"Content-Encoding": server.encoding} if server.encoding else {}
        begin, status = 0, 200
        asked = self.headers.get("Range")
        if asked and server.ranges and self.headers.get("If-Range", server.tag) == server.tag:
            begin, status = int(asked.removeprefix("bytes=").removesuffix("-")), 206
            if begin >= len(data):
                return self.head(416, **{"Content-Range": f"bytes */{len(data)}"})
            headers["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
        rest = data[begin:]
        if server.lengths:
            headers["Content-Length"] = str(len(rest))
        else:
            headers["Connection"] = "close"
        self.head(status, length="Content-Length" in headers or not server.lengths, **headers)
        if body:
            cut = None
            if self.path == "/a.csv":
                cut, server.cut = server.cut, None
            self.wfile.write(rest[:cut])
            if cut is not None or not server.lengths:
                self.close_connection = True
        return None

    def head(self, status, length=False, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if not length:
            self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    one = Server()
    thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield one
    one.shutdown()
    one.server_close()
    thread.join()


@pytest.fixture
def session():
    with new_session() as one:
        yield one


def cut_off(server, session, path, after=200_000, **more):
    """Fetch, and be cut off."""
    server.cut = after
    with pytest.raises(UserError, match="goes on"):
        fetch_file(session, server.at("/a.csv"), path, **more)
    assert not path.exists()
    return path.with_name("a.csv.part").stat().st_size


def ranges(server):
    """What parts were asked for."""
    return [asked for method, _, asked in server.asked if method == "GET"]


# --- a file


def test_a_file_comes_whole_and_leaves_nothing_else(server, session, tmp_path):
    seen = []
    path = tmp_path / "deep" / "a.csv"

    fetched = fetch_file(
        session, server.at("/a.csv"), path, size=len(DATA), sha256=SHA256, watch=lambda *now: seen.append(now)
    )

    assert path.read_bytes() == DATA
    assert [one.name for one in path.parent.iterdir()] == ["a.csv"]
    assert fetched == (len(DATA), 0, "")
    assert seen[-1] == (len(DATA), len(DATA))
    assert seen == sorted(seen)
    assert same_as_known(path, len(DATA), SHA256)


def test_what_was_cut_off_goes_on_from_there(server, session, tmp_path):
    path = tmp_path / "a.csv"
    have = cut_off(server, session, path)

    fetched = fetch_file(session, server.at("/a.csv"), path, sha256=SHA256)

    assert 0 < have <= 200_000
    assert path.read_bytes() == DATA
    assert fetched == (len(DATA) - have, have, "")
    assert ranges(server) == [None, f"bytes={have}-"]
    assert [one.name for one in tmp_path.iterdir()] == ["a.csv"]


def test_of_a_file_that_changed_meanwhile_nothing_old_is_kept(server, session, tmp_path):
    path = tmp_path / "a.csv"
    cut_off(server, session, path)
    server.files["/a.csv"], server.tag = DATA[::-1], '"v2"'

    fetched = fetch_file(session, server.at("/a.csv"), path)

    assert path.read_bytes() == DATA[::-1]
    assert fetched.kept == 0
    assert "fetched anew" in fetched.note


def test_a_file_that_changed_twice_goes_on_from_its_latest_version(server, session, tmp_path):
    path = tmp_path / "a.csv"
    cut_off(server, session, path)
    server.files["/a.csv"], server.tag = DATA[::-1], '"v2"'
    have = cut_off(server, session, path)

    assert fetch_file(session, server.at("/a.csv"), path).kept == have
    assert path.read_bytes() == DATA[::-1]


def test_a_server_without_ranges_is_asked_for_all_again(server, session, tmp_path):
    path = tmp_path / "a.csv"
    cut_off(server, session, path)
    server.ranges = False

    fetched = fetch_file(session, server.at("/a.csv"), path, sha256=SHA256)

    assert path.read_bytes() == DATA
    assert fetched == (len(DATA), 0, "the server gives no rest of this file, or it has changed: fetched anew")


def test_a_part_whose_version_nobody_knows_is_not_gone_on_with(server, session, tmp_path):
    server.tag = ""
    path = tmp_path / "a.csv"
    cut_off(server, session, path)

    assert fetch_file(session, server.at("/a.csv"), path).kept == 0
    assert ranges(server) == [None, None]


def test_a_weak_tag_does_not_say_that_a_file_is_the_same(server, session, tmp_path):
    server.tag = 'W/"v1"'
    path = tmp_path / "a.csv"
    cut_off(server, session, path)

    assert fetch_file(session, server.at("/a.csv"), path).kept == 0


def test_a_part_of_another_file_is_not_gone_on_with(server, session, tmp_path):
    path = tmp_path / "a.csv"
    cut_off(server, session, path)
    server.files["/b.csv"] = DATA[::-1]

    assert fetch_file(session, server.at("/b.csv"), path).kept == 0
    assert path.read_bytes() == DATA[::-1]


@pytest.mark.parametrize("about", ["", "7", "{", '{"url": 1}'])
def test_a_part_with_a_damaged_note_is_not_gone_on_with(server, session, tmp_path, about):
    (tmp_path / "a.csv.part").write_bytes(b"something")
    (tmp_path / "a.csv.part.json").write_text(about)

    assert fetch_file(session, server.at("/a.csv"), tmp_path / "a.csv").kept == 0
    assert (tmp_path / "a.csv").read_bytes() == DATA


def test_a_part_that_is_whole_becomes_the_file(server, session, tmp_path):
    part(tmp_path, server, DATA)

    fetched = fetch_file(session, server.at("/a.csv"), tmp_path / "a.csv", sha256=SHA256)

    assert fetched == (0, len(DATA), "")
    assert (tmp_path / "a.csv").read_bytes() == DATA


def test_a_part_that_is_longer_than_the_file_is_fetched_anew(server, session, tmp_path):
    part(tmp_path, server, DATA + b"more")

    fetched = fetch_file(session, server.at("/a.csv"), tmp_path / "a.csv", sha256=SHA256)

    assert (fetched.came, fetched.kept) == (len(DATA), 0)
    assert (tmp_path / "a.csv").read_bytes() == DATA


def part(folder, server, data):
    (folder / "a.csv.part").write_bytes(data)
    (folder / "a.csv.part.json").write_text(json.dumps({"url": server.at("/a.csv"), "tag": server.tag}))


def test_a_wrong_checksum_leaves_nothing(server, session, tmp_path):
    with pytest.raises(UserError, match=r"thrown away: its checksum \(SHA-256\) is not the published one"):
        fetch_file(session, server.at("/a.csv"), tmp_path / "a.csv", sha256="0" * 64)

    assert list(tmp_path.iterdir()) == []


def test_a_damaged_part_shows_in_the_checksum(server, session, tmp_path):
    part(tmp_path, server, b"x" * 1000)

    with pytest.raises(UserError, match="thrown away"):
        fetch_file(session, server.at("/a.csv"), tmp_path / "a.csv", sha256=SHA256)

    assert fetch_file(session, server.at("/a.csv"), tmp_path / "a.csv", sha256=SHA256).kept == 0


def test_a_file_of_another_size_is_refused_before_it_comes(server, session, tmp_path):
    with pytest.raises(UserError, match=r"has 320,000 bytes instead of 7: it has changed"):
        fetch_file(session, server.at("/a.csv"), tmp_path / "a.csv", size=7)

    assert list(tmp_path.iterdir()) == []


def test_without_a_length_the_known_size_decides(server, session, tmp_path):
    server.lengths = False
    url = server.at("/a.csv")

    assert look(session, url).size is None
    with pytest.raises(UserError, match="cut off after 320,000 of 320,001 bytes"):
        fetch_file(session, url, tmp_path / "a.csv", size=len(DATA) + 1)
    with pytest.raises(UserError, match="its length is not the published one"):
        fetch_file(session, url, tmp_path / "b.csv", size=len(DATA) - 1)
    assert fetch_file(session, url, tmp_path / "c.csv").came == len(DATA)


def test_no_room_is_said_before_the_first_byte(server, session, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("traces.fetching.fetch.shutil.disk_usage", lambda _: usage(9, 9, 5))

    with pytest.raises(UserError, match="no room: 320,000 bytes are to come, 5 are free"):
        fetch_file(session, server.at("/a.csv"), tmp_path / "a.csv")


def test_a_disk_that_runs_full_is_said_and_what_came_stays(server, session, tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("traces.fetching.fetch.os.fsync", full)
    with pytest.raises(UserError, match=r"No space left on device .*goes on") as error:
        fetch_file(session, server.at("/a.csv"), tmp_path / "a.csv")
    monkeypatch.undo()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    assert "\n" not in str(error.value)
    assert fetch_file(session, server.at("/a.csv"), tmp_path / "a.csv").kept == len(DATA)


def test_a_folder_that_cannot_be_written_is_said(server, session, tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(UserError, match="file"):
        fetch_file(session, server.at("/a.csv"), tmp_path / "file" / "a.csv")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/none.csv", r"the server has no such file \(404\)"),
        ("/login.csv", r"a web page comes instead of the file \(from http://127\.0\.0\.1:\d+/login\)"),
        ("/circle", "from one address to the next without end"),
    ],
)
def test_what_is_not_the_file_is_refused_in_one_line(server, session, tmp_path, path, reason):
    server.files["/login"] = b"<html>"

    for attempt in (look, lambda *asked: fetch_file(*asked, tmp_path / "a.csv")):
        with pytest.raises(UserError, match=reason) as error:
            attempt(session, server.at(path))
        assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_moved_is_followed(server, session, tmp_path):
    fetch_file(session, server.at("/moved.csv"), tmp_path / "a.csv", sha256=SHA256)

    assert look(session, server.at("/moved.csv")).size == len(DATA)


@pytest.mark.parametrize("status", [403, 429, 500, 503])
def test_another_answer_of_the_server_is_told(server, session, status):
    server.status = status

    with pytest.raises(UserError, match=f"the server says {status} "):
        look(session, server.at("/a.csv"))


def test_a_server_that_knows_no_head_is_asked_otherwise(server, session):
    server.head = False

    assert look(session, server.at("/a.csv")) == (len(DATA), '"v1"')


def test_a_file_that_is_packed_on_the_way_is_refused(server, session):
    server.encoding = "gzip"

    with pytest.raises(UserError, match="packs it"):
        look(session, server.at("/a.csv"))


def test_no_server_is_one_line(session, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    gone = Server()
    gone.server_close()

    for attempt in (look, checksums, lambda *asked: fetch_file(*asked, tmp_path / "a.csv")):
        with pytest.raises(UserError, match="cannot be reached") as error:
            attempt(session, gone.at("/a.csv"))
        assert "\n" not in str(error.value)


def test_a_list_of_checksums_is_as_sha256sum_writes_it(server, session):
    server.files["/SUM"] = f"{SHA256} *x/a.csv\n{SHA256.upper()}  b c.csv\r\nnothing\n".encode()
    server.files["/none"] = b"nothing\n"

    assert checksums(session, server.at("/SUM")) == {"x/a.csv": SHA256, "b c.csv": SHA256}
    with pytest.raises(UserError, match="is no list of checksums"):
        checksums(session, server.at("/none"))


# --- the command


@pytest.fixture
def small(server, monkeypatch):
    """A data set of two files on our server."""
    server.files |= {"/b.csv": b"b\n", "/SUM": f"{SHA256} *x/a.csv\n".encode()}
    files = (RemoteFile("x/a.csv", server.at("/a.csv")), RemoteFile("b.csv", server.at("/b.csv")))
    one = DataSet(
        title="A small one", licence="none", credit="Ann", page="https://example.org", source="a friend", files=files,
        checksums=server.at("/SUM"),
    )  # fmt: skip
    monkeypatch.setitem(CATALOGUE, "small", one)
    return one


def run(*words, answer=None):
    return CliRunner().invoke(towtank, ["trace", "fetch", *map(str, words)], input=answer)


def test_address_size_and_licence_are_said_before_anything_comes(server, small, tmp_path):
    said = run("small", "--out", tmp_path / "d", answer="n\n")

    assert said.exit_code == 0
    for word in ("A small one", "licence: none", server.at("/a.csv"), "320,000 bytes", "all: 320,002 bytes"):
        assert word in said.output
    assert "nothing was fetched" in said.output
    assert not (tmp_path / "d").exists()
    assert {method for method, *_ in server.asked} == {"HEAD"}


def test_all_files_come_and_credit_is_asked_for(small, tmp_path):
    said = run("small", "--out", tmp_path, answer="y\n")

    assert (tmp_path / "x" / "a.csv").read_bytes() == DATA
    assert (tmp_path / "b.csv").read_bytes() == b"b\n"
    assert "a.csv: 320,000 bytes came; checksum is right" in said.output
    assert "b.csv: 2 bytes came; no checksum is published" in said.output
    assert "Give credit: Ann" in said.output
    assert "not confirmed" not in said.output


def test_what_is_there_is_skipped_and_never_overwritten(server, small, tmp_path):
    run("small", "--out", tmp_path, "--yes")
    server.asked.clear()
    again = run("small", "--out", tmp_path, "--yes")
    assert again.output.count("is there already") == 2
    assert "/a.csv" not in [path for method, path, _ in server.asked if method == "GET"]

    (tmp_path / "b.csv").write_text("mine")
    mine = run("small", "--out", tmp_path, "--yes")

    assert isinstance(mine.exception, UserError)
    assert "b.csv: is there, and is not the published file" in str(mine.exception)
    assert (tmp_path / "b.csv").read_text() == "mine"


def test_a_published_checksum_that_does_not_fit_is_an_error(server, small, tmp_path):
    server.files["/SUM"] = f"{'0' * 64} *x/a.csv\n".encode()

    said = run("small", "--out", tmp_path, "--yes")

    assert "checksum (SHA-256) is not the published one" in str(said.exception)
    assert not (tmp_path / "x" / "a.csv").exists()


def test_the_same_command_goes_on_where_it_was_cut_off(server, small, tmp_path):
    server.cut = 200_000
    first = run("small", "--out", tmp_path, "--yes", "--only", "x/*")
    second = run("small", "--out", tmp_path, "--yes", "--only", "x/*")

    assert "goes on" in str(first.exception)
    assert "were there; checksum is right" in second.output
    assert (tmp_path / "x" / "a.csv").read_bytes() == DATA
    assert not (tmp_path / "b.csv").exists()


def test_no_room_for_all_is_said_before_it_asks(small, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("experiments.cli.fetch.shutil.disk_usage", lambda _: usage(9, 9, 5))

    said = run("small", "--out", tmp_path / "not" / "there")

    assert "no room: 320,002 bytes are to come, 5 are free" in str(said.exception)


def test_an_address_that_its_publisher_does_not_name_is_said_to_be_so(server, small, tmp_path, monkeypatch):
    monkeypatch.setitem(CATALOGUE, "small", replace(small, confirmed=False, note="unpack it"))

    said = run("small", "--out", tmp_path, "--yes")

    assert "not confirmed: its publisher's pages do not name these addresses; they are from a friend" in said.output
    assert "Note: unpack it" in said.output


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["google-2011"], "no data set is called 'google-2011'; did you mean 'google2011'?"),
        (["zzz"], "--list says which there are"),
        ([], "fetch what?"),
        (["alibaba2017"], "after a short survey"),
        (["google2011", "--only", "no/*"], "no file of google2011 is called so"),
    ],
)
def test_what_cannot_be_fetched_is_one_line(words, reason):
    said = run(*words)

    assert isinstance(said.exception, UserError)
    assert reason in str(said.exception)
    assert "\n" not in str(said.exception)


def test_the_list_names_all_data_sets():
    said = run("--list").output.splitlines()

    assert [line.partition(":")[0] for line in said] == list(CATALOGUE)


# --- the catalogue


@pytest.mark.parametrize("name", CATALOGUE)
def test_an_entry_says_all_that_is_shown(name):
    entry = CATALOGUE[name]

    for text in (entry.title, entry.licence, entry.credit, entry.page, entry.source):
        assert text
        assert "\n" not in text
    assert entry.files or entry.note
    names = [file.name for file in entry.files]
    assert len(set(names)) == len(names)
    assert len({file.url for file in entry.files}) == len(names)
    for file in entry.files:
        assert file.url.startswith("https://")
        assert " " not in file.url
        assert not file.name.startswith("/")
        assert ".." not in file.name.split("/")
        assert len(file.sha256) in (0, 64)


def test_the_files_of_google_2011_are_those_of_its_own_list(traces_dir):
    lines = (traces_dir / "google2011" / "SHA256SUM").read_text().splitlines()

    assert {file.name for file in CATALOGUE["google2011"].files} == {line.partition("*")[2] for line in lines}


def test_a_data_set_is_called_as_its_format_is():
    assert set(CATALOGUE) <= set(RECORDED)
