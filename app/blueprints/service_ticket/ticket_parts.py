"""The parts on a ticket: deducted from the stock when added, returned to the stock when removed.

Call in the transaction of a route that has locked the ticket. All lines of a change happen, or none.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from sqlalchemy import BigInteger, Executable, bindparam, delete, select, update

from app.blueprints.inventory import stock
from app.blueprints.inventory.stock import LockedParts
from app.models import MAX_COUNT, ticket_parts
from app.utils.db.statements import execute, fetch_all, insert_rows
from app.utils.errors import Conflict, Invalid

PartLines = list[dict[str, Any]]  # Lines of a request: ``inventory_id`` and ``quantity``.
OF_TICKET = ticket_parts.c.ticket_id == bindparam("of_ticket")
THIS_LINE = OF_TICKET & (ticket_parts.c.inventory_id == bindparam("part_id"))
PART_IDS = select(ticket_parts.c.inventory_id).where(OF_TICKET)
REMOVE_LINE = delete(ticket_parts).where(THIS_LINE, ticket_parts.c.quantity == bindparam("count"))
NEW_QUANTITY = ticket_parts.c.quantity + bindparam("count", type_=BigInteger)
CHANGE_LINE = update(ticket_parts).where(THIS_LINE, NEW_QUANTITY.between(1, MAX_COUNT)).values(quantity=NEW_QUANTITY)


class NotOnTicket(Conflict):
    """A part to remove is not on the ticket in that quantity."""

    code = "not_on_ticket"
    detail = "The ticket has fewer of a part than would be removed; nothing was changed."


class LineFull(Conflict):
    """The quantity of a line would pass MAX_COUNT."""

    code = "line_full"
    detail = f"The ticket would have more than {MAX_COUNT:,} of a part; nothing was changed."


def change_parts(ticket_id: int, remove: PartLines, add: PartLines, field: str = "add_parts") -> None:
    """Remove parts from a locked ticket, then add parts to it. ``field`` names the lines of ``add`` in the request.

    Raise Invalid for an unknown part, and NotOnTicket, StockOverflow, OutOfStock or LineFull."""
    parts = stock.lock_parts((line["inventory_id"] for line in [*remove, *add]), ticket_id)
    active = {part.id for part in parts.values() if not part.is_deleted}
    require_parts(remove, active | {part.id for part in parts.values() if part.on_ticket}, "remove_parts")
    require_parts(add, active, field)
    apply_changes(ticket_id, quantities_to_remove(remove, parts), merge_lines(add), parts)


def return_all_parts(ticket_id: int) -> None:
    """Return every part of a locked ticket to the stock. Raise StockOverflow."""
    lines = fetch_all(PART_IDS, {"of_ticket": ticket_id})
    change_parts(ticket_id, [{"inventory_id": line.inventory_id, "quantity": None} for line in lines], [])


def require_parts(lines: PartLines, known: Iterable[int], field: str) -> None:
    """Raise Invalid for unknown part ids, naming each line."""
    unknown = {
        f"{field}.{number}" if line.get("is_bare") else f"{field}.{number}.inventory_id": "must be the id of a part"
        for number, line in enumerate(lines)
        if line["inventory_id"] not in known
    }
    if unknown:
        raise Invalid(unknown)


def merge_lines(lines: PartLines) -> Counter[int]:
    """Add up the lines of the same part: part id → quantity."""
    counts: Counter[int] = Counter()
    for line in lines:
        counts[line["inventory_id"]] += line["quantity"]
    return counts


def quantities_to_remove(lines: PartLines, parts: LockedParts) -> Counter[int]:
    """Return the quantity of each part to remove. A line without a quantity removes all that the ticket has."""
    counts = merge_lines([line for line in lines if line["quantity"] is not None])
    for part_id in {line["inventory_id"] for line in lines if line["quantity"] is None}:
        counts[part_id] += parts[part_id].on_ticket or 1  # A missing line counts as 1, so the removal is rejected.
    return counts


def apply_changes(ticket_id: int, remove: Counter[int], add: Counter[int], parts: LockedParts) -> None:
    """Remove parts from a ticket and add parts to it, in the stock and in the ticket's lines.

    More of a part keeps its first price; a part that was removed wholly gets today's. Raise NotOnTicket, StockOverflow,
    OutOfStock or LineFull."""
    if any(count > parts[part_id].on_ticket for part_id, count in remove.items()):
        raise NotOnTicket
    stock.transfer(remove, add, parts, ticket_id)
    kept = {part.id: part.on_ticket - remove[part.id] for part in parts.values() if part.on_ticket > remove[part.id]}
    if any(kept.get(part_id, 0) + count > MAX_COUNT for part_id, count in add.items()):
        raise LineFull
    write_lines(REMOVE_LINE, ticket_id, {part_id: count for part_id, count in remove.items() if part_id not in kept})
    changed = (add.keys() | remove.keys()) & kept.keys()
    write_lines(CHANGE_LINE, ticket_id, {part_id: add[part_id] - remove[part_id] for part_id in changed})
    new = [
        {"inventory_id": part_id, "quantity": add[part_id], "unit_price_cents": parts[part_id].price_cents}
        for part_id in sorted(add.keys() - kept.keys())
    ]
    insert_rows(ticket_parts, [{"ticket_id": ticket_id} | line for line in new])


def write_lines(statement: Executable, ticket_id: int, counts: dict[int, int]) -> None:
    """Execute REMOVE_LINE or CHANGE_LINE (part id → count). Raise NotOnTicket if a line has too few."""
    rows = [{"of_ticket": ticket_id, "part_id": part_id, "count": count} for part_id, count in sorted(counts.items())]
    if rows and execute(statement, rows).rowcount != len(rows):
        raise NotOnTicket
