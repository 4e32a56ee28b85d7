"""Bodies that put parts on a ticket and take them off."""

MOST = 2_147_483_647
"""The largest count."""


def on(*lines):
    """A body that puts parts on: (part, count) each."""
    return {"add_parts": [{"inventory_id": part.id, "quantity": count} for part, count in lines]}


def off(*lines):
    """A body that takes parts off: (part, count), or a part alone as its bare id."""
    return {
        "remove_parts": [
            {"inventory_id": line[0].id, "quantity": line[1]} if isinstance(line, tuple) else line.id for line in lines
        ]
    }
