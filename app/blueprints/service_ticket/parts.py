"""The parts on a ticket: deducted from the stock when they go on, returned to the stock when they come off.

Call in the transaction of a route that has locked the ticket. All lines of a change happen, or none.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from sqlalchemy import BigInteger, bindparam, delete, select, update

from app.blueprints.inventory import stock
from app.blueprints.inventory.stock import LockedParts
from app.models import MAX_COUNT, ticket_parts
from app.utils.db.statements import execute, fetch_all, insert_rows
from app.utils.errors import Conflict, Invalid

PartLines = list[dict[str, Any]]
"""Lines of a request: ``inventory_id`` and ``quantity``."""

OF_TICKET = ticket_parts.c.ticket_id == bindparam("of_ticket")
THIS_LINE = OF_TICKET & (ticket_parts.c.inventory_id == bindparam("part_id"))
PART_IDS = select(ticket_parts.c.inventory_id).where(OF_TICKET)
REMOVE_LINE = delete(ticket_parts).where(THIS_LINE, ticket_parts.c.quantity == bindparam("count"))
NEW_QUANTITY = ticket_parts.c.quantity + bindparam("difference", type_=BigInteger)
CHANGE_LINE = update(ticket_parts).where(THIS_LINE, NEW_QUANTITY.between(1, MAX_COUNT)).values(quantity=NEW_QUANTITY)


class NotOnTicket(Conflict):
    code = "not_on_ticket"
    detail = "The ticket holds fewer of a part than would come off; nothing was changed."


class LineFull(Conflict):
    code = "line_full"
    detail = f"The ticket would hold more than {MAX_COUNT:,} of a part; nothing was changed."


def change_parts(ticket_id: int, remove: PartLines, add: PartLines) -> None:
    """Take parts off a locked ticket, then put parts on it.

    Raise Invalid for an unknown part, and NotOnTicket, StockOverflow, OutOfStock or LineFull."""
    parts = stock.lock_parts((line["inventory_id"] for line in [*remove, *add]), ticket_id)
    require_parts(remove, active_ids(parts) | {part.id for part in parts.values() if part.on_ticket}, "remove_parts")
    require_parts(add, active_ids(parts), "add_parts")
    apply_changes(ticket_id, quantities_to_remove(remove, parts), merge_lines(add), parts)


def add_initial_parts(ticket_id: int, lines: PartLines) -> None:
    """Put the first parts on a new ticket. Raise Invalid for an unknown part, or OutOfStock."""
    parts = stock.lock_parts(line["inventory_id"] for line in lines)
    require_parts(lines, active_ids(parts), "parts")
    apply_changes(ticket_id, Counter(), merge_lines(lines), parts)


def return_all_parts(ticket_id: int) -> None:
    """Return every part of a locked ticket to the stock. Raise StockOverflow."""
    ids = [line.inventory_id for line in fetch_all(PART_IDS, {"of_ticket": ticket_id})]
    parts = stock.lock_parts(ids, ticket_id)
    apply_changes(ticket_id, Counter({part.id: part.on_ticket for part in parts.values()}), Counter(), parts)


def active_ids(parts: LockedParts) -> set[int]:
    return {part.id for part in parts.values() if not part.is_deleted}


def require_parts(lines: PartLines, known: Iterable[int], field: str) -> None:
    """Raise Invalid for unknown part ids, naming each line."""
    unknown = [number for number, line in enumerate(lines) if line["inventory_id"] not in known]
    if unknown:
        raise Invalid({f"{field}.{number}.inventory_id": "names no part" for number in unknown})


def merge_lines(lines: PartLines) -> Counter[int]:
    """Add up the lines of the same part: part id → quantity."""
    counts: Counter[int] = Counter()
    for line in lines:
        counts[line["inventory_id"]] += line["quantity"]
    return counts


def quantities_to_remove(lines: PartLines, parts: LockedParts) -> Counter[int]:
    """Return the quantity of each part that comes off. A line without a quantity takes off all that the ticket holds."""
    counts = merge_lines([line for line in lines if line["quantity"] is not None])
    for part_id in {line["inventory_id"] for line in lines if line["quantity"] is None}:
        counts[part_id] += parts[part_id].on_ticket or 1  # A missing line counts as 1, so the removal is rejected.
    return counts


def apply_changes(ticket_id: int, remove: Counter[int], add: Counter[int], parts: LockedParts) -> None:
    """Take parts off a ticket and put parts on it, in the stock and in the ticket's lines.

    More of a part keeps its first price; a part that came off wholly gets today's. Raise NotOnTicket, StockOverflow,
    OutOfStock or LineFull."""
    if any(count > parts[part_id].on_ticket for part_id, count in remove.items()):
        raise NotOnTicket
    stock.transfer(remove, add, parts, ticket_id)
    kept = {part.id: part.on_ticket - remove[part.id] for part in parts.values() if part.on_ticket > remove[part.id]}
    if any(kept.get(part_id, 0) + count > MAX_COUNT for part_id, count in add.items()):
        raise LineFull
    remove_lines(ticket_id, {part_id: count for part_id, count in remove.items() if part_id not in kept})
    change_lines(ticket_id, {part_id: add[part_id] - remove[part_id] for part_id in (add.keys() | remove.keys()) & kept.keys()})
    new = [part_id for part_id in sorted(add) if part_id not in kept]
    insert_rows(ticket_parts, [new_line(ticket_id, part_id, add[part_id], parts) for part_id in new])


def new_line(ticket_id: int, part_id: int, count: int, parts: LockedParts) -> dict[str, int]:
    price = parts[part_id].price_cents
    return {"ticket_id": ticket_id, "inventory_id": part_id, "quantity": count, "unit_price_cents": price}


def remove_lines(ticket_id: int, counts: dict[int, int]) -> None:
    """Delete the lines that hold exactly these quantities. Raise NotOnTicket if one does not."""
    rows = [{"of_ticket": ticket_id, "part_id": part_id, "count": count} for part_id, count in sorted(counts.items())]
    if rows and execute(REMOVE_LINE, rows).rowcount != len(rows):
        raise NotOnTicket


def change_lines(ticket_id: int, differences: dict[int, int]) -> None:
    """Add to the quantities of lines. Raise NotOnTicket if a line would end below 1."""
    rows = [
        {"of_ticket": ticket_id, "part_id": part_id, "difference": difference}
        for part_id, difference in sorted(differences.items())
    ]
    if rows and execute(CHANGE_LINE, rows).rowcount != len(rows):
        raise NotOnTicket
