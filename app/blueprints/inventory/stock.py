"""The stock and its ledger: every change of a quantity is here, and nowhere else.

A change is a guarded update, so that no quantity leaves 0 … 2,147,483,647 whatever runs at the same time, and a
movement that is written beside it in the same transaction. Parts are always locked in ascending order of their ids:
two transactions that meet wait for each other instead of deadlocking.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from flask import g
from sqlalchemy import and_, bindparam, select, update

from app.blueprints.inventory import catalog
from app.models import MAX_COUNT, inventory, now, stock_movements, ticket_parts
from app.utils.database import after_commit, execute
from app.utils.deferred import make_deferred
from app.utils.errors import Conflict
from app.utils.prepared import Prepared
from app.utils.rows import add_rows, add_to_each, adding, fetch_about, some_ids

Changes = Sequence[tuple[int, int]]
"""(part id, difference) in ascending order of the parts; for one part what comes back before what goes out."""


class OutOfStock(Conflict):
    """There is less than was asked for. ``shortages`` lists every part of which there is too little."""

    detail = "There is too little stock; nothing was taken."

    def __init__(self, shortages: list[dict[str, int]]) -> None:
        super().__init__(shortages=shortages)


class ShelfFull(Conflict):
    detail = f"The stock of a part would pass {MAX_COUNT:,}; nothing was returned."


@dataclass(slots=True)
class LockedPart:
    """A part as it stands on the shelf, and how many of it the ticket holds that it was locked for; no other transaction
    can change it before this one ends."""

    id: int
    price_cents: int
    quantity: int
    is_deleted: bool
    held: int = 0


Shelf = dict[int, LockedPart]


@cache
def locking_parts(size: int) -> Prepared:
    """The statement that locks so many parts, and reads them with what a locked ticket holds of them."""
    on_ticket = and_(ticket_parts.c.inventory_id == inventory.c.id, ticket_parts.c.ticket_id == bindparam("of_ticket"))
    return Prepared(
        select(inventory.c.id, inventory.c.price_cents, inventory.c.quantity, inventory.c.deleted_at)
        .add_columns(ticket_parts.c.quantity.label("held"))
        .outerjoin_from(inventory, ticket_parts, on_ticket)
        .where(inventory.c.id.in_(some_ids(size)))
        .order_by(inventory.c.id)
        .with_for_update(of=inventory, key_share=True)
    )


def lock_parts(part_ids: Iterable[int], ticket_id: int = 0) -> Shelf:
    """The parts of these ids, deleted ones too, locked in ascending order until the transaction ends."""
    rows = fetch_about(locking_parts, sorted(set(part_ids)), of_ticket=ticket_id)
    return {
        row.id: LockedPart(row.id, row.price_cents, row.quantity, row.deleted_at is not None, row.held or 0) for row in rows
    }


def carry(back: Mapping[int, int], out: Mapping[int, int], shelf: Shelf, ticket_id: int) -> None:
    """Carry parts between the locked shelf and a ticket: first so many (≥ 1) of each back, then so many out. Raise
    ShelfFull or OutOfStock, moving none. What the database has to do for it is deferred."""
    if any(shelf[part_id].quantity + count > MAX_COUNT for part_id, count in back.items()):
        raise ShelfFull
    shortages = []
    for part_id, count in sorted(out.items()):
        available = shelf[part_id].quantity + back.get(part_id, 0)
        if count > available:
            shortages.append({"inventory_id": part_id, "requested": count, "available": available})
    changes = [(part_id, count) for part_id, count in back.items()] + [(part_id, -count) for part_id, count in out.items()]
    changes.sort(key=lambda change: change[0])
    if shortages:
        raise OutOfStock(shortages)
    move(changes, (lambda: OutOfStock([])) if out else ShelfFull)
    record(changes, shelf, ticket_id)


def move(changes: Changes, refusal: Callable[[], Conflict]) -> None:
    """Let the guarded update run for what changes of each part in sum; the refusal is of a guard that does not hold."""
    net: Counter[int] = Counter()
    for part_id, difference in changes:
        net[part_id] += difference
    add_to_each(moving, net, refusal, moment=now())


@cache
def moving(count: int) -> Prepared:
    """The guarded update of so many parts."""
    moved = adding(inventory.c.quantity, inventory.c.id, 0, MAX_COUNT, count)
    return Prepared(moved.values(updated_at=bindparam("moment"), version=inventory.c.version + 1))


def count_stock(part_id: int, quantity: int) -> None:
    """Set the counted quantity of a part, and record the difference where there is one."""
    shelf = lock_parts([part_id])
    if difference := quantity - shelf[part_id].quantity:
        execute(update(inventory).where(inventory.c.id == part_id).values(quantity=quantity, updated_at=now()))
        record([(part_id, difference)], shelf, reason="counted")
        make_deferred()  # Its errors are none of what comes after it.


def receive(part_id: int, quantity: int) -> None:
    """Record the first stock of a part that was just added with it."""
    if quantity:
        record([(part_id, quantity)], {part_id: LockedPart(part_id, 0, 0, False)}, reason="received")
        make_deferred()


def record(changes: Changes, shelf: Shelf, ticket_id: int | None = None, reason: str = "") -> None:
    """Let what was changed, and the balance after it, be written into the ledger; the caller is who did it. Without another
    reason, what goes out was ``used`` and what comes back ``returned``."""
    moment, who = now(), g.caller.id if g.get("caller") else None
    rows = []
    for part_id, difference in changes:
        part = shelf[part_id]
        part.quantity += difference
        why = reason or ("used" if difference < 0 else "returned")
        rows.append({"inventory_id": part_id, "change": difference, "balance": part.quantity, "reason": why})
    if rows:
        add_rows(stock_movements, rows, ticket_id=ticket_id, mechanic_id=who, created_at=moment)
        after_commit(catalog.has_changed)
