"""The rules of the stock where HTTP can't reach them: each guard holds even if the lock before it did not."""

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

from app.blueprints.inventory import stock
from app.models import inventory, stock_movements, ticket_parts
from app.utils.db.transactions import transaction

MOST = 2_147_483_647


@pytest.fixture
def in_transaction(app):
    """Run a piece of work as a route would: in a transaction, without a caller."""

    def run(work):
        with app.app_context():
            return transaction(work)()

    return run


def believed(part, quantity):
    """A shelf that was read a while ago."""
    return {part.id: stock.LockedPart(part.id, 999, quantity, False)}


def test_the_shelf_is_in_ascending_order_with_deleted_parts(admin, make, in_transaction):
    """An id twice is one part, one that names nothing is none."""
    parts = [make.part(quantity=number) for number in range(3)]
    admin.delete(f"/inventory/{parts[1].id}")
    asked = [part.id for part in reversed(parts)]
    shelf = in_transaction(lambda: stock.lock_parts([*asked, *asked, MOST]))
    assert list(shelf) == sorted(asked)
    assert [(part.quantity, part.is_deleted) for part in shelf.values()] == [(0, False), (1, True), (2, False)]


def test_an_empty_shelf_costs_nothing(in_transaction, statements):
    assert in_transaction(lambda: stock.lock_parts([])) == {}
    assert statements == []


def test_a_stale_shelf_sells_nothing_that_is_gone(make, unchanged, in_transaction):
    """The guard of the update decides, not what was read before: OutOfStock, and nothing is taken."""
    part, ticket = make.part(quantity=3), make.ticket()
    with unchanged(), pytest.raises(stock.OutOfStock):
        in_transaction(lambda: stock.transfer({}, {part.id: 4}, believed(part, 10), ticket.id))


def test_a_stale_shelf_takes_nothing_back_that_has_no_room(make, unchanged, in_transaction):
    part, ticket = make.part(quantity=MOST), make.ticket()
    with unchanged(), pytest.raises(stock.StockOverflow):
        in_transaction(lambda: stock.transfer({part.id: 1}, {}, believed(part, 10), ticket.id))


def test_one_guard_that_fails_is_all_that_fail(make, unchanged, in_transaction):
    """Of two parts the first has enough: neither is taken."""
    enough, short, ticket = make.part(quantity=9), make.part(quantity=1), make.ticket()
    shelf = believed(enough, 9) | believed(short, 9)
    with unchanged(), pytest.raises(stock.OutOfStock):
        in_transaction(lambda: stock.transfer({}, {short.id: 2, enough.id: 2}, shelf, ticket.id))


def test_parts_are_entered_in_ascending_order(staff, make, engine):
    """Whatever order a client names them in; a part that comes back and goes out has a line for each."""
    first, second, third = (make.part(quantity=9).id for _ in range(3))
    ticket = make.ticket(parts=[{"inventory_id": each, "quantity": 1} for each in (third, second)]).id
    back, out = [third, second], [{"inventory_id": second, "quantity": 2}, {"inventory_id": first, "quantity": 5}]
    staff.put(f"/tickets/{ticket}/inventory", {"remove_parts": back, "add_parts": out})
    with engine.connect() as connection:
        lines = select(stock_movements).where(stock_movements.c.ticket_id == ticket).order_by(stock_movements.c.id)
        entered = [(row.inventory_id, row.change, row.balance) for row in connection.execute(lines)]
        left = connection.execute(select(inventory.c.id, inventory.c.quantity).order_by(inventory.c.id)).all()
    assert entered[:2] == [(second, -1, 8), (third, -1, 8)]
    assert entered[2:] == [(first, -5, 4), (second, 1, 9), (second, -2, 7), (third, 1, 9)]
    assert left == [(first, 4), (second, 7), (third, 9)]


def test_parts_are_locked_in_ascending_order():
    """Transactions that meet then wait for each other, and never in a ring: the statement itself says so."""
    statement = str(stock.LOCK_PARTS.compile(dialect=postgresql.dialect())).replace("\n", "")
    assert statement.endswith("ORDER BY inventory.id FOR NO KEY UPDATE OF inventory")


def test_a_locked_part_says_what_the_ticket_holds_of_it(make, in_transaction):
    """And what another ticket holds is not asked."""
    first, second, third = (make.part(quantity=9).id for _ in range(3))
    ticket = make.ticket(parts=[{"inventory_id": first, "quantity": 2}, {"inventory_id": second, "quantity": 1}]).id
    make.ticket(parts=[{"inventory_id": third, "quantity": 3}])
    shelf = in_transaction(lambda: stock.lock_parts([first, third], ticket))
    assert [(part.id, part.quantity, part.on_ticket) for part in shelf.values()] == [(first, 7, 2), (third, 6, 0)]
    assert [part.on_ticket for part in in_transaction(lambda: stock.lock_parts([first])).values()] == [0]


def test_nothing_moved_is_no_movement(unchanged, in_transaction):
    with unchanged():
        in_transaction(lambda: stock.transfer({}, {}, {}, 1))


@pytest.mark.parametrize(
    "rule",
    [
        "a negative stock",
        "a negative price",
        "a negative balance",
        "a movement for no known reason",
        "an empty line",
        "a movement of no part",
    ],
)
def test_the_tables_themselves_refuse(make, engine, unchanged, rule):
    """The checks of the tables are the last line of defence, should a rule above them fail."""
    part, ticket = make.part(), make.ticket()
    movement = {"inventory_id": part.id, "change": -1, "balance": 9, "reason": "counted"}
    line = {"ticket_id": ticket.id, "inventory_id": part.id, "quantity": 1, "unit_price_cents": 0}
    broken = {
        "a negative stock": update(inventory).values(quantity=-1),
        "a negative price": update(inventory).values(price_cents=-1),
        "a negative balance": insert(stock_movements).values(movement | {"balance": -1}),
        "a movement for no known reason": insert(stock_movements).values(movement | {"reason": "lost"}),
        "an empty line": insert(ticket_parts).values(line | {"quantity": 0}),
        "a movement of no part": insert(stock_movements).values(movement | {"inventory_id": part.id + 1}),
    }[rule]
    with unchanged(), pytest.raises(DBAPIError), engine.begin() as connection:
        connection.execute(broken)
