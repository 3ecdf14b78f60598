"""Commands about Docker hosts say what is wrong in one line, and which host does not answer."""

import json
import re

import pytest
from click.testing import CliRunner

from experiments.cli import towtank
from policies.errors import UserError

#: Where nobody listens.
NOWHERE = "tcp://127.0.0.1:9"


def ran(*words):
    return CliRunner().invoke(towtank, [*map(str, words)])


def test_a_host_that_is_down_is_listed_so_and_makes_the_exit_code_1():
    told, as_json = ran("hosts", "list", NOWHERE), ran("hosts", "list", NOWHERE, "--json")

    assert told.exit_code == as_json.exit_code == 1
    assert re.fullmatch(r"down: host 127\.0\.0\.1:9: .*refused\n", told.stdout)
    (host,) = json.loads(as_json.stdout)["hosts"]
    assert (host["up"], host["address"]) == (False, NOWHERE)


def test_docker_host_says_what_is_listed_where_nobody_else_does(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", NOWHERE)

    assert "127.0.0.1:9" in ran("hosts").stdout


def test_cleaning_a_host_that_is_down_makes_the_exit_code_1():
    cleaned = ran("hosts", "clean", NOWHERE, "--yes")

    assert cleaned.exit_code == 1
    assert "host 127.0.0.1:9" in cleaned.stderr


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--out", "t.txt"], "t.txt: cannot tell the format"),
        (["--out", "t.csv", "--hosts-out", "h.json"], r"h.json: hosts are written as .csv or .toml"),
        (["--out", "t.csv", "--recover"], "t.csv.journal: No such file"),
        (["--out", "t.csv"], "host 127.0.0.1:9: cannot be reached"),
    ],
)
def test_what_cannot_be_recorded_is_one_line_and_leaves_nothing(words, complaint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    outcome = ran("record", NOWHERE, *words)

    assert isinstance(outcome.exception, UserError)
    assert re.match(complaint, str(outcome.exception))
    assert "\n" not in str(outcome.exception)
    assert not list(tmp_path.iterdir())


def test_a_recording_that_was_cut_off_is_not_written_over(tmp_path):
    journal = tmp_path / "t.csv.journal"
    journal.write_text("precious")

    outcome = ran("record", NOWHERE, "--out", tmp_path / "t.csv")

    assert "--recover" in str(outcome.exception)
    assert journal.read_text() == "precious"
