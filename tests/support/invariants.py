"""What must hold after every test, race and crash: the rules that ``flask --app run check`` has for a live database."""

from app.commands.check import RULES, faults, statement

__all__ = ["RULES", "faults", "statement"]
