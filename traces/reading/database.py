"""A temporary data base, for data sets of which several tables must be joined and none need fit in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from policies.errors import UserError
from traces.reading.temporary import temporary_folder

if TYPE_CHECKING:
    import duckdb

#: Rows of a table need no order: whoever wants one asks for it.
NO_ORDER = {"preserve_insertion_order": False}

#: Rows that are handed on at a time.
AT_ONCE = 2**15
#: Memory that joins may have; what it does not hold is written to the folder for temporary files.
MEMORY_LIMIT = "1GB"


class Database:
    """Tables on disk that SQL can be asked of; made by `temporary_database`.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        What holds them.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def add(self, name: str, schema: pa.Schema, blocks: Iterable[pa.RecordBatch], columns: str = "*") -> None:
        """Make a table of all rows of some blocks, be there any or not.

        Parameters
        ----------
        name : str
            What it is called.
        schema : pyarrow.Schema
            The columns of the blocks.
        blocks : iterable of pyarrow.RecordBatch
            Its rows.
        columns : str
            What is kept of them, in SQL.
        """
        kept = f"SELECT {columns} FROM coming"
        self._insert(f'CREATE TABLE "{name}" AS {kept}', pa.Table.from_batches([], schema))
        for block in blocks:
            self._insert(f'INSERT INTO "{name}" {kept}', pa.Table.from_batches([block], schema))

    def _insert(self, statement: str, coming: pa.Table) -> None:
        self._connection.register("coming", coming)
        self._connection.execute(statement)
        self._connection.unregister("coming")

    def run(self, statement: str) -> None:
        """Run a statement, of which nothing is wanted back."""
        self._connection.execute(statement)

    def value(self, query: str) -> Any:
        """Give the one value that a query has."""
        [(value,)] = self._connection.execute(query).fetchall()
        return value

    def blocks(self, query: str, at_once: int = AT_ONCE) -> Iterator[pa.RecordBatch]:
        """Give the rows of a query, some at a time."""
        yield from self._connection.sql(query).to_arrow_reader(at_once)


@contextmanager
def temporary_database(memory_limit: str | None = None) -> Iterator[Database]:
    """Open a data base in a folder for temporary files, which is deleted in the end.

    Parameters
    ----------
    memory_limit : str, optional
        What it holds in memory, beyond which it writes; `MEMORY_LIMIT` without.

    Raises
    ------
    UserError
        If that folder has no room for it, or the limit is too low for what it is asked.

    Notes
    -----
    Its memory is bounded; one thread, so that equal queries give equal rows. Rows of a table have no
    order but what a query gives them.
    """
    import duckdb  # only where it is used: it costs a start-up

    with temporary_folder() as folder:
        settings = {"memory_limit": memory_limit or MEMORY_LIMIT, "temp_directory": str(folder), "threads": 1}
        try:
            with duckdb.connect(str(folder / "tables"), config=settings | NO_ORDER) as connection:  # type: ignore[arg-type]
                connection.execute("SET enable_progress_bar = false")
                yield Database(connection)
        except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
            raise UserError(f"{folder}: cannot sort the trace there: {str(error).splitlines()[0]}") from None
