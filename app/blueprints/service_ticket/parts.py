"""The parts on a ticket: deducted from the stock when they go on, returned to it when they come off.

Everything here runs in the transaction of a route that has locked the ticket. All lines happen or none does.
"""

from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import Any

from sqlalchemy import bindparam, delete, select

from app.blueprints.inventory import stock
from app.blueprints.inventory.stock import Shelf
from app.blueprints.service_ticket.schemas import merged
from app.models import MAX_COUNT, ticket_parts
from app.utils.database import execute, fetch
from app.utils.errors import Conflict, Invalid
from app.utils.prepared import Prepared
from app.utils.rows import add_rows, add_to_each, adding

OF_TICKET = ticket_parts.c.ticket_id == bindparam("of_ticket")
THIS_LINE = OF_TICKET & (ticket_parts.c.inventory_id == bindparam("part_id"))
LINES = Prepared(select(ticket_parts.c.inventory_id).where(OF_TICKET))
REMOVE_LINE = delete(ticket_parts).where(THIS_LINE, ticket_parts.c.quantity == bindparam("count"))


class NotOnTicket(Conflict):
    detail = "The ticket holds fewer of a part than would come off; nothing was changed."


class LineFull(Conflict):
    detail = f"The ticket would hold more than {MAX_COUNT:,} of a part; nothing was changed."


def change_parts(ticket_id: int, off: list[dict[str, Any]], on: list[dict[str, Any]]) -> None:
    """Take parts off a locked ticket, then put parts on it. Raise Invalid for a part that is none, NotOnTicket,
    ShelfFull, OutOfStock or LineFull."""
    shelf = lock_parts_of([*off, *on], ticket_id)
    require_parts(off, live(shelf) | {part.id for part in shelf.values() if part.held}, "remove_parts")
    require_parts(on, live(shelf), "add_parts")
    exchange(ticket_id, counts_off(off, shelf), merged(on), shelf)


def lock_parts_of(lines: list[dict[str, Any]], ticket_id: int = 0) -> Shelf:
    """The parts that lines name, locked, with what a ticket holds of them."""
    return stock.lock_parts((line["inventory_id"] for line in lines), ticket_id)


def put_on_new(ticket_id: int, lines: list[dict[str, Any]], shelf: Shelf) -> None:
    """Put the first parts, which are locked, on a ticket; raise Invalid for a part that is none, or OutOfStock."""
    require_parts(lines, live(shelf), "parts")
    exchange(ticket_id, Counter(), merged(lines), shelf)


def take_all_off(ticket_id: int) -> None:
    """Return every part of a locked ticket to the stock; raise ShelfFull."""
    shelf = stock.lock_parts((line.inventory_id for line in fetch(LINES, {"of_ticket": ticket_id})), ticket_id)
    exchange(ticket_id, Counter({part.id: part.held for part in shelf.values()}), Counter(), shelf)


def live(shelf: Shelf) -> set[int]:
    return {part.id for part in shelf.values() if not part.is_deleted}


def require_parts(lines: list[dict[str, Any]], known: Iterable[int], field: str) -> None:
    """Raise Invalid, naming each line whose part is none of the known."""
    unknown = [number for number, line in enumerate(lines) if line["inventory_id"] not in known]
    if unknown:
        raise Invalid({f"{field}.{number}.inventory_id": "names no part" for number in unknown})


def counts_off(lines: list[dict[str, Any]], shelf: Shelf) -> Counter[int]:
    """How many of each part come off; a line without a quantity is the whole of what the ticket holds."""
    whole = {line["inventory_id"] for line in lines if line["quantity"] is None}
    counts = merged([line for line in lines if line["quantity"] is not None])
    for part_id in whole:
        counts[part_id] += shelf[part_id].held or 1  # Nothing there is less than one.
    return counts


def exchange(ticket_id: int, off: Counter[int], on: Counter[int], shelf: Shelf) -> None:
    """Carry so many of each part off a ticket and then onto it, in the stock and in its lines. More of a part keeps
    its first price; one that went off wholly comes back at today's."""
    if any(count > shelf[part_id].held for part_id, count in off.items()):
        raise NotOnTicket
    stock.carry(off, on, shelf, ticket_id)
    kept = {part.id: part.held - off[part.id] for part in shelf.values() if part.held > off[part.id]}
    if any(kept.get(part_id, 0) + count > MAX_COUNT for part_id, count in on.items()):
        raise LineFull
    gone = {part_id: count for part_id, count in off.items() if part_id not in kept}
    changed = {part_id: on[part_id] - off[part_id] for part_id in (on.keys() | off.keys()) & kept.keys()}
    if remove(ticket_id, gone) != len(gone):
        raise NotOnTicket
    add_to_each(changing, changed, NotOnTicket, of_ticket=ticket_id)
    new = [
        {"inventory_id": part_id, "quantity": count, "unit_price_cents": shelf[part_id].price_cents}
        for part_id, count in sorted(on.items())
        if part_id not in kept
    ]
    add_rows(ticket_parts, new, ticket_id=ticket_id)


def remove(ticket_id: int, counts: dict[int, int]) -> int:
    """Remove the lines that hold just so many of a part; how many there were."""
    rows = [{"of_ticket": ticket_id, "part_id": part_id, "count": count} for part_id, count in sorted(counts.items())]
    return execute(REMOVE_LINE, rows).rowcount if rows else 0


@cache
def changing(count: int) -> Prepared:
    """The guarded update of so many lines of a ticket, none of which may end below 1."""
    return Prepared(adding(ticket_parts.c.quantity, ticket_parts.c.inventory_id, 1, MAX_COUNT, count).where(OF_TICKET))
