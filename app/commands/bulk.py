"""Write many rows, for commands that fill a database."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Table, insert, select, text


def write(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows with the same columns; on PostgreSQL by COPY, which is four times as fast."""
    if connection.dialect.name != "postgresql":
        connection.execute(insert(table), list(rows))
        return
    columns = list(rows[0])
    into = f"COPY {table.name} ({', '.join(columns)}) FROM STDIN"
    with connection.connection.cursor() as cursor, cursor.copy(into) as copy:  # type: ignore[attr-defined]
        for row in rows:
            copy.write_row([row[name] for name in columns])


def finish(connection: Connection, tables: Sequence[Table]) -> None:
    """Set PostgreSQL's sequences to the last ids, and collect statistics."""
    is_postgresql, keyword = connection.dialect.name == "postgresql", "ANALYZE"
    if connection.dialect.name == "mysql":
        keyword = "ANALYZE TABLE"
    for table in tables:
        if is_postgresql and "id" in table.columns:
            last = f"(SELECT max(id) FROM {table.name})"  # noqa: S608 - a table of ours.
            connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), {last})"))
        if connection.execute(select(table).limit(1)).first():  # Statistics of an empty table would lead to table scans.
            connection.execute(text(f"{keyword} {table.name}"))
    connection.commit()
