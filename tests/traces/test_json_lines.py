"""JSON lines: whatever is written how, and the bad line alone is named."""

import gzip
import json
from itertools import chain

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.errors import UserError
from traces.reading import tables
from traces.reading.json_lines import JsonLines
from traces.reading.rejects import OnBadRow, Rejects

TEXT = pa.string()
FIELDS = pa.schema(
    {
        "time": TEXT,
        "size": pa.struct({"cpus": TEXT, "memory": TEXT}),
        "wants": pa.list_(pa.struct({"name": TEXT, "relation": TEXT})),
        "after": pa.list_(TEXT),
    }
)


@pytest.fixture
def read(tmp_path):
    """Read lines, and give for each row of all batches its line, its columns, and what is wrong with it."""

    def read(content):
        path = tmp_path / "table.json"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        rejects = Rejects(OnBadRow.SKIP)
        rows = []
        for batch in JsonLines(path, rejects, FIELDS).batches():
            columns = {name: values.to_pylist() for name, values in batch.columns.items()}
            for row, line in enumerate(batch.lines.tolist()):
                values = {name: column[row] for name, column in columns.items()}
                rows.append((line, values, batch.bad.get(row, ("", ""))[0]))
            batch.reject(rejects)
        assert rejects.read == rejects.accepted + rejects.rejected == len(rows)
        return rows

    return read


def test_numbers_are_numbers_whether_written_as_such_or_as_text(tmp_path):
    path = tmp_path / "table.json"
    for time, cpus in (("7", "0.5"), (7, 0.5), ("7", 0.5)):
        path.write_text(json.dumps({"time": time, "size": {"cpus": cpus}}) + "\n")

        [batch] = JsonLines(path, Rejects(), FIELDS).batches()

        assert (batch.number("time").tolist(), batch.number("size.cpus").tolist()) == ([7.0], [0.5])


def test_how_numbers_are_written_may_change_from_line_to_line_and_block_to_block(read, monkeypatch):
    monkeypatch.setattr(tables, "BLOCK_BYTES", 40)
    rows = read("".join(f'{{"time":{i if i % 7 < 4 else json.dumps(str(i))}}}\n' for i in range(50)))

    assert [(line, int(values["time"]), why) for line, values, why in rows] == [(i + 1, i, "") for i in range(50)]


def test_structures_are_taken_apart_and_lists_are_not(read):
    [(_, values, _)] = read('{"size":{"cpus":"1"},"wants":[{"name":"x","relation":"2"}],"after":["3"],"other":[1]}')

    assert values == {
        "time": None, "size.cpus": "1", "size.memory": None, "wants": [{"name": "x", "relation": "2"}], "after": ["3"],
    }  # fmt: skip


def test_what_is_left_out_or_null_is_empty_and_so_is_all_of_a_structure_that_is(read):
    rows = read('{}\n{"time":null,"size":null}\n{"size":{"cpus":"1"}}\n')

    assert [values["size.cpus"] for _, values, _ in rows] == [None, None, "1"]


def test_blank_lines_are_nobodys_rows_and_the_others_keep_their_numbers(read):
    rows = read('\n{"time":"1"}\r\n  \n{"time":"2"}\n\n')

    assert [(line, values["time"]) for line, values, _ in rows] == [(2, "1"), (4, "2")]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b'{"time":"2"', "not a line of JSON"),
        (b'{"time":"2"}{"time":"3"}', "not a line of JSON"),
        (b'{"time":"\xff"}', "not UTF-8 text"),
        (b'{"time":"a\0"}', "not a line of JSON"),
        (b"[1]", "not a JSON object"),
        (b"7", "not a JSON object"),
        (b'{"time":"1","time":"2"}', "a field is there twice"),
        (b'{"time":{}}', "time is neither a text nor a number"),
        (b'{"time":[1]}', "time is neither a text nor a number"),
        (b'{"size":3}', "size is not an object"),
        (b'{"size":{"cpus":[]}}', "size.cpus is neither a text nor a number"),
        (b'{"wants":{}}', "wants is not a list"),
        (b'{"wants":[1]}', "wants is not an object"),
        (rb'{"time":"\ud800"}', "time is not a text"),
        (b'{"other":' + b"[" * 5000, "not a line of JSON"),
    ],
)
def test_a_line_that_is_no_row_is_the_only_one_that_is_named(read, bad, reason):
    rows = read(b'{"time":"1"}\n' + bad + b'\n{"time":"3"}\n')

    assert [(line, why) for line, _, why in rows] == [(1, ""), (2, reason), (3, "")]
    assert [rows[0][1]["time"], rows[2][1]["time"]] == ["1", "3"]


def test_a_last_line_that_is_cut_off_is_a_bad_row(read):
    assert [why for *_, why in read('{"time":"1"}\n{"ti')] == ["", "not a line of JSON"]


def test_numbers_of_any_size_come_through(read):
    rows = read('{"time":9223372036854775807}\n{"time":1e999}\n{"time":' + "9" * 5000 + "}\n")

    assert [float(values["time"]) for _, values, _ in rows] == [2.0**63, float("inf"), float("inf")]


def test_a_gzipped_file_reads_as_a_plain_one_and_a_cut_one_is_an_error(tmp_path):
    path = tmp_path / "table.json.gz"
    packed = gzip.compress(b"".join(b'{"time":"%d"}\n' % i for i in range(10_000)))
    path.write_bytes(packed)
    assert sum(map(len, JsonLines(path, Rejects(), FIELDS).batches())) == 10_000

    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(UserError, match=r"table\.json\.gz: "):
        list(JsonLines(path, Rejects(), FIELDS).batches())


def test_a_line_that_does_not_end_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "LONGEST_LINE_BYTES", 2**20)
    path = tmp_path / "table.json"
    path.write_bytes(b'{"time":"' + b"1" * 2**22)

    with pytest.raises(UserError, match="a line is longer than 1 MiB"):
        list(JsonLines(path, Rejects(), FIELDS).batches())


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        list(JsonLines(tmp_path / "none.json", Rejects(), FIELDS).batches())


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
VALUES = st.recursive(SCALARS, lambda v: st.lists(v, max_size=2) | st.dictionaries(st.text(max_size=3), v, max_size=2))
NAMES = st.sampled_from(["time", "size", "wants", "after", "other"])


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.dictionaries(NAMES, VALUES, max_size=3), min_size=1, max_size=5))
def test_any_objects_are_rows_or_bad_rows_and_texts_stay_as_they_are(tmp_path_factory, objects):
    path = tmp_path_factory.mktemp("lines") / "table.json"
    path.write_text("".join(json.dumps(one) + "\n" for one in objects))
    rejects = Rejects(OnBadRow.SKIP)

    batches = list(JsonLines(path, rejects, FIELDS).batches())

    assert sum(map(len, batches)) == rejects.read == len(objects)
    bad = chain.from_iterable((row in batch.bad for row in range(len(batch))) for batch in batches)
    times = chain.from_iterable(batch.columns["time"].to_pylist() for batch in batches)
    for one, time, wrong in zip(objects, times, bad, strict=True):
        if not wrong and isinstance(one.get("time"), str):
            assert time == one["time"]
