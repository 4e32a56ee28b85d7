"""The invariants that hold after every test: the rules of ``flask --app run check``."""

from sqlalchemy import text

from app.commands.check import RULES, find_broken

__all__ = ["RULES", "faults", "statement"]


def faults(engine):
    """Return the broken rules, each with its first rows."""
    return [f"{rule}: {[tuple(row) for row in rows]}" for rule, rows in find_broken(engine, 3).items()]


def statement(connection, sql):
    """Return a statement whose quoted names (`change`) are written as the database wants them."""
    return text(sql if connection.dialect.name == "mysql" else sql.replace("`", '"'))
