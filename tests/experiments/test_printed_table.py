"""What a person reads after a run: nothing of it is cut off."""

import json

import pytest
from click.testing import CliRunner

from experiments.cli import towtank
from experiments.results.summary import NAMES, parts

HEADINGS = ["architecture", "policy", "wait", "wait p90", "busy", "conflicts"]
ROWS = [["monolithic", "mine.py:roomy", "12.5 s ± 0.3 s", "1 s", "99.6 %", "all"], ["two-level", "b", "", "", "", ""]]


@pytest.mark.parametrize("width", [1, 40, 60, 80, 200])
def test_a_table_in_parts_has_every_column_once_and_the_names_in_each(width):
    broken = list(parts(HEADINGS, ROWS, width))

    assert all(headings[:NAMES] == HEADINGS[:NAMES] for headings, _ in broken)
    assert [heading for headings, _ in broken for heading in headings[NAMES:]] == HEADINGS[NAMES:]
    for number, row in enumerate(ROWS):
        assert [cell for _, rows in broken for cell in rows[number][NAMES:]] == row[NAMES:]


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_part_of_a_table_is_wider_than_the_room_if_that_is_enough_for_one_column(width):
    for headings, rows in parts(HEADINGS, ROWS, width, gap=2):
        widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]

        assert sum(widths) + 2 * (len(widths) - 1) <= width


def test_jobs_on_shared_hosts_are_explained(tmp_path):
    """Hosts that are shared have a disk, of which nobody asks for a part."""
    asked = (
        "run --trace generated:cpu-io-small --contention on --architecture monolithic --policy tetris --until 20s "
        f"--explain cpu-1 --no-figures --processes 1 --out {tmp_path / 'out'}"
    )

    ended = CliRunner().invoke(towtank, asked.split(), catch_exceptions=False)

    (run,) = json.loads((tmp_path / "out" / "explain.json").read_text())["runs"]
    (decision,) = run["explain"][0]["attempts"][0]["decisions"]
    assert decision["hosts"][0]["free"]["cpus"] > 0
    assert "cpu-1 under monolithic, tetris, seed 1" in ended.output
