"""Statements that are made once, and run by the driver itself (``docs/decisions/17``).

SQLAlchemy puts each into the words of the shop's database, once. What it would do at every run, for any statement and any
driver, was more than a quarter of an order's work. The rest is its own as ever: the connection and its transaction, who
listens to its cursors, and what a driver's error means.
"""

from collections import namedtuple
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import Any

from sqlalchemy import Connection, CursorResult, Dialect, Executable

CURSOR = "cursor"
"""Under this name a connection keeps the cursor that runs its statements, one after the other."""


@dataclass(slots=True)
class Outcome:
    """What a statement has done: the rows that it brought, how many it met, and the id of a record that it inserted."""

    rows: list[Any]
    rowcount: int
    inserted_id: int | None

    def all(self) -> list[Any]:
        return self.rows


class Prepared:
    """A statement that is made once, with a parameter for whatever differs from run to run."""

    def __init__(self, statement: Any) -> None:
        self.statement = statement
        self.compiled: dict[Any, CompiledStatement] = {}

    @property
    def table(self) -> Any:
        """The table whose rows it changes."""
        return self.statement.table

    def run(self, connection: Connection, given: Mapping[str, Any] | None) -> Outcome:
        """Run it with values for its parameters, on a connection that is in a transaction or in autocommit."""
        return self.compiled_for(connection.dialect).run(connection, given or {})

    def compiled_for(self, dialect: Dialect) -> "CompiledStatement":
        database = dialect.name, dialect.server_version_info
        compiled = self.compiled.get(database)
        if compiled is None:
            compiled = self.compiled[database] = CompiledStatement(self.statement, dialect)
        return compiled


Statement = Executable | Prepared


def run(connection: Connection, statement: Statement, parameters: Any) -> CursorResult[Any] | Outcome:
    """Run a statement on a connection: one that is made once by the driver itself, any other as SQLAlchemy does."""
    if isinstance(statement, Prepared):
        return statement.run(connection, parameters)
    return connection.execute(statement, parameters)


@cache
def named(names: tuple[str, ...]) -> Any:
    """The type of rows whose values have these names."""
    return namedtuple("Row", names, rename=True)


class CompiledStatement:
    """A statement in the words of one database."""

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        if compiled.post_compile_params or compiled.literal_execute_params:
            raise TypeError("A list of values has another text each time: name its parameters")
        if compiled.update_prefetch:
            raise TypeError("What an update sets by itself is not known here")
        parameters = {name: each for each, name in compiled.bind_names.items()}
        self.text: str = compiled.string
        self.order: list[str] | None = compiled.positiontup
        self.fixed = {name: each.effective_value for name, each in parameters.items() if not each.required}
        self.defaults = [(column.key, column.default) for column in compiled.insert_prefetch]
        types = {name: each.type.dialect_impl(dialect) for name, each in parameters.items()}
        self.bind_processors = [(name, process) for name, each in types.items() if (process := each.bind_processor(dialect))]
        self.has_lastrowid, self.has_returning = compiled.postfetch_lastrowid, bool(compiled.effective_returning)
        columns = compiled._result_columns
        self.row = partial(tuple.__new__, named(tuple(each.keyname for each in columns))) if columns else None
        processors = [each.type.dialect_impl(dialect).result_processor(dialect, None) for each in columns]
        self.result_processors = processors if any(processors) else None

    def run(self, connection: Connection, given: Any) -> Outcome:
        """Run it. Who listens to what the engine's cursors do is told, by SQLAlchemy."""
        values = self.bound(given)
        listeners = connection.engine.dispatch
        if listeners.before_cursor_execute or listeners.after_cursor_execute:
            return self.outcome(connection.exec_driver_sql(self.text, values))
        kept = connection.info
        cursor = kept.get(CURSOR)
        try:
            if cursor is None:
                cursor = kept[CURSOR] = connection.connection.cursor()
            connection.dialect.do_execute(cursor, self.text, values)
            return self.outcome(cursor)
        except BaseException as error:  # An exit, too, leaves a connection that is of no use.
            kept.pop(CURSOR, None)
            connection._handle_dbapi_exception(error, self.text, values, cursor, None)

    def bound(self, given: Any) -> Any:
        """The values as the driver wants them: by their names, or in their order."""
        values = {**self.fixed, **given}
        for name, default in self.defaults:
            if name not in given:
                values[name] = default.arg(None) if default.is_callable else default.arg
        for name, process in self.bind_processors:
            values[name] = process(values[name])
        return values if self.order is None else tuple([values[name] for name in self.order])

    def outcome(self, ran: Any) -> Outcome:
        met, new = ran.rowcount, ran.lastrowid if self.has_lastrowid else None
        if self.row is None:
            return Outcome([], met, new)
        found = ran.fetchall()
        rows = list(map(self.row, found if self.result_processors is None else map(self.processed, found)))
        return Outcome(rows, met, rows[0][0] if self.has_returning and rows else new)

    def processed(self, row: Any) -> Any:
        return [process(value) if process else value for value, process in zip(row, self.result_processors or (), strict=True)]


class Joined(CompiledStatement):
    """Statements of PostgreSQL that change rows, each of another table, as one: its only row says how many each has met."""

    def __init__(self, parts: Sequence[CompiledStatement]) -> None:
        if any(part.row or part.order for part in parts):
            raise TypeError("Only statements that bring no rows, and name their parameters, can be joined")
        self.parts = parts
        texts = [part.text.replace("%(", f"%({number}_") for number, part in enumerate(parts)]
        done = ", ".join(f"part_{number} AS ({each} RETURNING 1)" for number, each in enumerate(texts))
        met = ", ".join(f"(SELECT count(*) FROM part_{number})" for number in range(len(parts)))  # noqa: S608 - of numbers.
        self.text = f"WITH {done} SELECT {met}"
        self.has_lastrowid = self.has_returning = False
        self.row, self.result_processors = partial(tuple.__new__, tuple), None

    def bound(self, given: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The values of each, as the driver wants them."""
        each = enumerate(zip(self.parts, given, strict=True))
        return {f"{number}_{name}": value for number, (part, values) in each for name, value in part.bound(values).items()}


@lru_cache(maxsize=256)
def joined(parts: tuple[CompiledStatement, ...]) -> Joined:
    return Joined(parts)
