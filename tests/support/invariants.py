"""The invariants that hold after every test: the rules of ``flask --app run check``."""

from app.commands.check import RULES, faults, statement

__all__ = ["RULES", "faults", "statement"]
