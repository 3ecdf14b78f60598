"""The temporary data base that tables are joined in."""

import tempfile

import numpy as np
import pyarrow as pa
import pytest

from policies.errors import UserError
from traces.reading import database
from traces.reading.database import temporary_database

SCHEMA = pa.schema({"n": pa.int64(), "name": pa.string()})


def block(numbers):
    return pa.record_batch([pa.array(numbers, pa.int64()), pa.array([f"name {n}" for n in numbers])], schema=SCHEMA)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where temporary files go."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_rows_of_several_blocks_are_one_table():
    with temporary_database() as base:
        base.add("rows", SCHEMA, [block([3, 1]), block([]), block([2])])
        [answer] = base.blocks('SELECT * FROM "rows" ORDER BY n')

        assert base.value('SELECT count(*) FROM "rows"') == 3
        assert answer.to_pydict() == block([1, 2, 3]).to_pydict()


def test_a_table_of_no_rows_has_its_columns():
    with temporary_database() as base:
        base.add("rows", SCHEMA, [], columns="n, length(name) AS letters")

        assert base.value("SELECT sum(n + letters) FROM rows") is None


def test_nothing_is_left_behind(folder):
    with temporary_database() as base:
        base.add("rows", SCHEMA, [block([1])])
        assert list(folder.iterdir())

    assert not list(folder.iterdir())


def test_a_query_is_given_some_rows_at_a_time():
    with temporary_database() as base:
        base.add("rows", SCHEMA, [block(np.arange(100_000).tolist())])
        sizes = [len(rows) for rows in base.blocks("FROM rows")]

    assert sum(sizes) == 100_000
    assert len(sizes) > 1


def test_a_join_that_memory_and_disk_do_not_suffice_for_is_one_line(monkeypatch):
    monkeypatch.setattr(database, "MEMORY_LIMIT", "1MB")

    with pytest.raises(UserError, match="cannot sort the trace there") as error:
        count_names(50_000)
    assert "\n" not in str(error.value)


def count_names(n):
    with temporary_database() as base:
        base.add("rows", SCHEMA, [block(np.arange(n).tolist())])
        return base.value("SELECT count(DISTINCT name || n) FROM rows")
