"""The rules of the stock beyond HTTP: each guard holds even if a lock before it failed."""

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

from app.blueprints.inventory import stock
from app.models import inventory, stock_movements, ticket_parts
from app.utils.db.transactions import transaction

MAX_QUANTITY = 2_147_483_647


@pytest.fixture
def in_transaction(app):
    """Return a function that runs work as a route does: in a transaction, without a caller."""

    def run(work):
        with app.app_context():
            return transaction(work)()

    return run


def stale_parts(part, quantity):
    """Return locked parts with a quantity that was read a while ago."""
    return {part.id: stock.LockedPart(part.id, 999, quantity, False)}


def test_locked_parts_are_in_ascending_order_with_deleted_ones(admin, make, in_transaction):
    """A repeated id is one part, and an unknown id is left out."""
    parts = [make.part(quantity=number) for number in range(3)]
    admin.delete(f"/inventory/{parts[1].id}")
    ids = [part.id for part in reversed(parts)]
    locked = in_transaction(lambda: stock.lock_parts([*ids, *ids, MAX_QUANTITY]))
    assert list(locked) == sorted(ids)
    assert [(part.quantity, part.is_deleted) for part in locked.values()] == [(0, False), (1, True), (2, False)]


def test_locking_no_parts_runs_no_statement(in_transaction, statements):
    assert in_transaction(lambda: stock.lock_parts([])) == {}
    assert statements == []


def test_guard_of_the_update_prevents_overselling(make, unchanged, in_transaction):
    """The guard decides, not the quantity that was read before: OutOfStock, and nothing is deducted."""
    part, ticket = make.part(quantity=3), make.ticket()
    with unchanged(), pytest.raises(stock.OutOfStock):
        in_transaction(lambda: stock.transfer({}, {part.id: 4}, stale_parts(part, 10), ticket.id))


def test_guard_of_the_update_prevents_overflow(make, unchanged, in_transaction):
    part, ticket = make.part(quantity=MAX_QUANTITY), make.ticket()
    with unchanged(), pytest.raises(stock.StockOverflow):
        in_transaction(lambda: stock.transfer({part.id: 1}, {}, stale_parts(part, 10), ticket.id))


def test_one_failing_guard_undoes_the_whole_transfer(make, unchanged, in_transaction):
    """The other part has enough, and is not deducted either."""
    enough, short, ticket = make.part(quantity=9), make.part(quantity=1), make.ticket()
    locked = stale_parts(enough, 9) | stale_parts(short, 9)
    with unchanged(), pytest.raises(stock.OutOfStock):
        in_transaction(lambda: stock.transfer({}, {short.id: 2, enough.id: 2}, locked, ticket.id))


def test_movements_are_written_in_ascending_order_of_parts(staff, make, engine):
    """Whatever the order in the request. A part that is returned and used again has a movement for each."""
    first, second, third = (make.part(quantity=9).id for _ in range(3))
    ticket = make.ticket(parts=[{"inventory_id": each, "quantity": 1} for each in (third, second)]).id
    returned, used = [third, second], [{"inventory_id": second, "quantity": 2}, {"inventory_id": first, "quantity": 5}]
    staff.put(f"/tickets/{ticket}/inventory", {"remove_parts": returned, "add_parts": used})
    with engine.connect() as connection:
        lines = select(stock_movements).where(stock_movements.c.ticket_id == ticket).order_by(stock_movements.c.id)
        movements = [(row.inventory_id, row.change, row.balance) for row in connection.execute(lines)]
        left = connection.execute(select(inventory.c.id, inventory.c.quantity).order_by(inventory.c.id)).all()
    assert movements[:2] == [(second, -1, 8), (third, -1, 8)]
    assert movements[2:] == [(first, -5, 4), (second, 1, 9), (second, -2, 7), (third, 1, 9)]
    assert left == [(first, 4), (second, 7), (third, 9)]


def test_lock_statement_orders_by_id():
    """Transactions that meet wait for each other and do not deadlock."""
    statement = str(stock.LOCK_PARTS.compile(dialect=postgresql.dialect())).replace("\n", "")
    assert statement.endswith("ORDER BY inventory.id FOR NO KEY UPDATE OF inventory")


def test_locked_part_has_the_quantity_on_the_ticket(make, in_transaction):
    """The quantities on other tickets do not count."""
    first, second, third = (make.part(quantity=9).id for _ in range(3))
    ticket = make.ticket(parts=[{"inventory_id": first, "quantity": 2}, {"inventory_id": second, "quantity": 1}]).id
    make.ticket(parts=[{"inventory_id": third, "quantity": 3}])
    locked = in_transaction(lambda: stock.lock_parts([first, third], ticket))
    assert [(part.id, part.quantity, part.on_ticket) for part in locked.values()] == [(first, 7, 2), (third, 6, 0)]
    assert [part.on_ticket for part in in_transaction(lambda: stock.lock_parts([first])).values()] == [0]


def test_empty_transfer_writes_no_movement(unchanged, in_transaction):
    with unchanged():
        in_transaction(lambda: stock.transfer({}, {}, {}, 1))


@pytest.mark.parametrize(
    "rule",
    [
        "a negative stock",
        "a negative price",
        "a negative balance",
        "a movement with an unknown reason",
        "a ticket line of 0",
        "a movement of an unknown part",
    ],
)
def test_table_constraints_refuse_invalid_rows(make, engine, unchanged, rule):
    """The constraints are the last line of defense if a rule above them fails."""
    part, ticket = make.part(), make.ticket()
    movement = {"inventory_id": part.id, "change": -1, "balance": 9, "reason": "counted"}
    line = {"ticket_id": ticket.id, "inventory_id": part.id, "quantity": 1, "unit_price_cents": 0}
    broken = {
        "a negative stock": update(inventory).values(quantity=-1),
        "a negative price": update(inventory).values(price_cents=-1),
        "a negative balance": insert(stock_movements).values(movement | {"balance": -1}),
        "a movement with an unknown reason": insert(stock_movements).values(movement | {"reason": "stolen"}),
        "a ticket line of 0": insert(ticket_parts).values(line | {"quantity": 0}),
        "a movement of an unknown part": insert(stock_movements).values(movement | {"inventory_id": part.id + 1}),
    }[rule]
    with unchanged(), pytest.raises(DBAPIError), engine.begin() as connection:
        connection.execute(broken)
