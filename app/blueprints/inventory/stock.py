"""The stock and its ledger: the only module that updates a quantity.

Each change is a guarded update, so that a quantity stays within 0 … 2,147,483,647 whatever runs at the same time, and a
movement in the same transaction. Parts are locked in ascending order of their ids: two transactions that meet wait for
each other, and do not deadlock.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Self

from sqlalchemy import BigInteger, bindparam, func, select, update

from app.blueprints.inventory.cache import invalidate_after_commit
from app.models import MAX_COUNT, inventory, stock_movements, ticket_parts, utcnow
from app.utils.context import current_state
from app.utils.db.statements import execute, fetch_all, insert_rows
from app.utils.errors import Conflict

ADDED, REMOVED = ("received", "found"), ("scrapped", "lost")
REASONS = (*ADDED, *REMOVED, "counted", "used", "returned")
Changes = Sequence[tuple[int, int]]  # (part id, change) by ascending part id; for one part, returns before deductions.


class OutOfStock(Conflict):
    """There is too little stock. ``shortages`` lists every part with too little."""

    code = "out_of_stock"
    detail = "There is too little stock; nothing was taken."

    def __init__(self, shortages: list[dict[str, int]]) -> None:
        super().__init__(shortages=shortages)

    @classmethod
    def example(cls) -> Self:
        return cls([{"inventory_id": 1, "requested": 50, "available": 16}])


class StockOverflow(Conflict):
    """The stock of a part would pass MAX_COUNT."""

    code = "stock_full"
    detail = f"The stock of a part would pass {MAX_COUNT:,}; nothing was changed."


@dataclass(slots=True)
class LockedPart:
    """A part under its row lock, and its quantity on the ticket."""

    id: int
    price_cents: int
    quantity: int
    is_deleted: bool
    on_ticket: int = 0


LockedParts = dict[int, LockedPart]

ON_TICKET = (ticket_parts.c.inventory_id == inventory.c.id) & (ticket_parts.c.ticket_id == bindparam("of_ticket"))
LOCK_PARTS = (
    select(inventory.c.id, inventory.c.price_cents, inventory.c.quantity)
    .add_columns(inventory.c.deleted_at.is_not(None), func.coalesce(ticket_parts.c.quantity, 0))
    .outerjoin_from(inventory, ticket_parts, ON_TICKET)
    .where(inventory.c.id.in_(bindparam("part_ids", expanding=True)))
    .order_by(inventory.c.id)
    .with_for_update(of=inventory, key_share=True)
)
NEW_QUANTITY = inventory.c.quantity + bindparam("difference", type_=BigInteger)
ADJUST_QUANTITY = (
    update(inventory)
    .where(inventory.c.id == bindparam("part_id"), NEW_QUANTITY.between(0, MAX_COUNT))
    .values(quantity=NEW_QUANTITY, updated_at=bindparam("now"), version=inventory.c.version + 1)
)


def lock_parts(part_ids: Iterable[int], ticket_id: int = 0) -> LockedParts:
    """Lock parts, deleted ones too, in ascending order, with the quantity of each on the ticket. Unknown ids are missing."""
    ids = sorted(set(part_ids))
    rows: Sequence[Any] = fetch_all(LOCK_PARTS, {"part_ids": ids, "of_ticket": ticket_id}) if ids else ()
    return {row.id: LockedPart(*row) for row in rows}


def transfer(returned: Mapping[int, int], used: Mapping[int, int], parts: LockedParts, ticket_id: int) -> None:
    """Return parts of a ticket to the stock, then deduct parts for it (part id → quantity >= 1).

    Raise StockOverflow or OutOfStock, leaving the stock unchanged."""
    if any(parts[part_id].quantity + count > MAX_COUNT for part_id, count in returned.items()):
        raise StockOverflow
    available = {part_id: parts[part_id].quantity + returned.get(part_id, 0) for part_id in used}
    shortages = [
        {"inventory_id": part_id, "requested": count, "available": available[part_id]}
        for part_id, count in sorted(used.items())
        if count > available[part_id]
    ]
    if shortages:
        raise OutOfStock(shortages)
    net, now = Counter(returned), utcnow()
    net.subtract(used)
    rows = [{"part_id": part_id, "difference": difference, "now": now} for part_id, difference in sorted(net.items())]
    if rows and execute(ADJUST_QUANTITY, rows).rowcount != len(rows):
        raise OutOfStock([]) if used else StockOverflow  # A guard did not hold: the parts were not locked.
    changes = [*returned.items(), *((part_id, -count) for part_id, count in used.items())]
    append_to_ledger(sorted(changes, key=itemgetter(0)), parts, ticket_id)


def count_stock(part_id: int, quantity: int) -> None:
    """Set the counted quantity of a part, and record the difference if there is one."""
    parts = lock_parts([part_id])
    if difference := quantity - parts[part_id].quantity:
        execute(update(inventory).where(inventory.c.id == part_id).values(quantity=quantity, updated_at=utcnow()))
        append_to_ledger([(part_id, difference)], parts, reason="counted")


def record_movement(part_id: int, change: int, reason: str, note: str | None) -> None:
    """Add to the stock of a locked part or take away from it, without a ticket. Raise OutOfStock or StockOverflow."""
    parts = lock_parts([part_id])
    available = parts[part_id].quantity
    if available + change < 0:
        raise OutOfStock([{"inventory_id": part_id, "requested": -change, "available": available}])
    if available + change > MAX_COUNT:
        raise StockOverflow
    execute(ADJUST_QUANTITY, {"part_id": part_id, "difference": change, "now": utcnow()})
    append_to_ledger([(part_id, change)], parts, reason=reason, note=note)


def receive_first_stock(part_id: int, quantity: int) -> None:
    """Record the stock that a new part was created with."""
    if quantity:
        append_to_ledger([(part_id, quantity)], {part_id: LockedPart(part_id, 0, 0, False)}, reason="received")


def append_to_ledger(
    changes: Changes, parts: LockedParts, ticket_id: int | None = None, reason: str = "", note: str | None = None
) -> None:
    """Append a movement for each change, with its balance and the caller.

    Without a ``reason``, a deduction is ``used`` and a return is ``returned``."""
    caller, rows = current_state().caller, []
    shared: dict[str, Any] = {"ticket_id": ticket_id, "note": note, "created_at": utcnow()}
    shared["mechanic_id"] = caller.id if caller else None
    for part_id, difference in changes:
        part = parts[part_id]
        part.quantity += difference
        row = {"inventory_id": part_id, "change": difference, "balance": part.quantity}
        rows.append(row | {"reason": reason or ("used" if difference < 0 else "returned")} | shared)
    if rows:
        insert_rows(stock_movements, rows)
        invalidate_after_commit()
