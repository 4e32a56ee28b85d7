"""The stock and its ledger: every change of a quantity is here, and nowhere else.

A change is a guarded update, so that no quantity leaves 0 … 2,147,483,647 whatever runs at the same time, and a
movement that is written beside it in the same transaction. Parts are always locked in ascending order of their ids:
two transactions that meet wait for each other instead of deadlocking.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import g
from sqlalchemy import bindparam, insert, select, update

from app.blueprints.inventory import catalog
from app.models import MAX_COUNT, inventory, now, stock_movements
from app.utils.database import after_commit, execute, fetch
from app.utils.errors import Conflict

PARTS = (
    select(inventory.c.id, inventory.c.price_cents, inventory.c.quantity, inventory.c.deleted_at)
    .where(inventory.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(inventory.c.id)
    .with_for_update(key_share=True)
)
TAKE = (
    update(inventory)
    .where(inventory.c.id == bindparam("part_id"), inventory.c.quantity >= bindparam("count"))
    .values(quantity=inventory.c.quantity - bindparam("count"), updated_at=bindparam("moment"), version=inventory.c.version + 1)
)
GIVE_BACK = (
    update(inventory)
    .where(inventory.c.id == bindparam("part_id"), inventory.c.quantity <= MAX_COUNT - bindparam("count"))
    .values(quantity=inventory.c.quantity + bindparam("count"), updated_at=bindparam("moment"), version=inventory.c.version + 1)
)


class OutOfStock(Conflict):
    """There is less than was asked for. ``shortages`` lists every part of which there is too little."""

    detail = "There is too little stock; nothing was taken."

    def __init__(self, shortages: list[dict[str, int]]) -> None:
        super().__init__(shortages=shortages)


class ShelfFull(Conflict):
    detail = f"The stock of a part would pass {MAX_COUNT:,}; nothing was returned."


@dataclass(slots=True)
class LockedPart:
    """A part as it stands on the shelf; no other transaction can change it before this one ends."""

    id: int
    price_cents: int
    quantity: int
    is_deleted: bool


Shelf = dict[int, LockedPart]


def lock_parts(part_ids: Iterable[int]) -> Shelf:
    """The parts of these ids, deleted ones too, locked in ascending order until the transaction ends."""
    ids = sorted(set(part_ids))
    rows = fetch(PARTS, {"ids": ids}) if ids else ()
    return {row.id: LockedPart(row.id, row.price_cents, row.quantity, row.deleted_at is not None) for row in rows}


def take(counts: Mapping[int, int], shelf: Shelf, ticket_id: int) -> None:
    """Take so many (≥ 1) of each part off the locked shelf for a ticket; raise OutOfStock, taking none."""
    shortages = [
        {"inventory_id": part_id, "requested": count, "available": shelf[part_id].quantity}
        for part_id, count in sorted(counts.items())
        if count > shelf[part_id].quantity
    ]
    if shortages or not move(TAKE, counts):
        raise OutOfStock(shortages)
    record({part_id: -count for part_id, count in counts.items()}, shelf, "used", ticket_id)


def give_back(counts: Mapping[int, int], shelf: Shelf, ticket_id: int) -> None:
    """Put so many (≥ 1) of each part back on the locked shelf; raise ShelfFull, returning none."""
    if not move(GIVE_BACK, counts):
        raise ShelfFull
    record(counts, shelf, "returned", ticket_id)


def move(statement: Any, counts: Mapping[int, int]) -> bool:
    """Run a guarded update for each part in ascending order; say whether every guard held."""
    moment = now()
    rows = [{"part_id": part_id, "count": count, "moment": moment} for part_id, count in sorted(counts.items())]
    return not rows or execute(statement, rows).rowcount == len(rows)


def count_stock(part_id: int, quantity: int) -> None:
    """Set the counted quantity of a part, and record the difference where there is one."""
    shelf = lock_parts([part_id])
    if difference := quantity - shelf[part_id].quantity:
        execute(update(inventory).where(inventory.c.id == part_id).values(quantity=quantity, updated_at=now()))
        record({part_id: difference}, shelf, "counted")


def receive(part_id: int, quantity: int) -> None:
    """Record the first stock of a part that was just added with it."""
    if quantity:
        record({part_id: quantity}, {part_id: LockedPart(part_id, 0, 0, False)}, "received")


def record(changes: Mapping[int, int], shelf: Shelf, reason: str, ticket_id: int | None = None) -> None:
    """Write what was changed, and the balance after it, into the ledger; the caller is who did it."""
    moment, who = now(), g.caller.id if g.get("caller") else None
    rows = []
    for part_id, difference in sorted(changes.items()):
        shelf[part_id].quantity += difference
        line = {"inventory_id": part_id, "change": difference, "balance": shelf[part_id].quantity, "reason": reason}
        rows.append(line | {"ticket_id": ticket_id, "mechanic_id": who, "created_at": moment})
    if rows:
        execute(insert(stock_movements), rows)
    after_commit(catalog.has_changed)
