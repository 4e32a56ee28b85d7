"""Words for the output of commands."""


def counted(number: int, noun: str) -> str:
    """Return a number and its noun, like ``1 part`` and ``2,000 parts``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
