"""Bodies that add parts to a ticket and remove them."""

MOST = 2_147_483_647
"""The largest quantity."""


def on(*lines):
    """Return a body that adds parts: (part, quantity) each."""
    return {"add_parts": [{"inventory_id": part.id, "quantity": count} for part, count in lines]}


def off(*lines):
    """Return a body that removes parts: (part, quantity) each, or a part alone to send its id."""
    return {
        "remove_parts": [
            {"inventory_id": line[0].id, "quantity": line[1]} if isinstance(line, tuple) else line.id for line in lines
        ]
    }
