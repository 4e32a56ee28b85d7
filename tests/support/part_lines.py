"""Request bodies that add parts to a ticket and remove parts from it."""

MOST = 2_147_483_647
"""The largest quantity of a part."""


def on(*lines):
    """Return a body that adds parts: (part, count) each."""
    return {"add_parts": [{"inventory_id": part.id, "quantity": count} for part, count in lines]}


def off(*lines):
    """Return a body that removes parts: (part, count), or a part alone as its bare id."""
    return {
        "remove_parts": [
            {"inventory_id": line[0].id, "quantity": line[1]} if isinstance(line, tuple) else line.id for line in lines
        ]
    }
