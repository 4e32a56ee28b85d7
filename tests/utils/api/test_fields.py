"""«What a field may hold»: each field takes its edges, and keeps them as the contract says."""

from decimal import Decimal
from types import SimpleNamespace

import pytest
from marshmallow import ValidationError

from app.utils.api.fields import Email, Id, Ids, IsoDate, Money, Password, Phone, Quantity, QueryInteger, Text, Vin

ANN = {"name": "Ann", "email": "ann@example.com", "password": "correct horse battery"}
PAD = {"name": "Pad", "price": 5}
LONGEST_ADDRESS = f"{'a' * 64}@{'b' * 60}.{'c' * 60}.{'d' * 60}.example"[:255]


@pytest.mark.parametrize(
    ("field", "sent", "kept"),
    [
        (Text(255), " Ann\u3000\ufeff", "Ann"),
        (Text(255), "\n Ann \r\n", "Ann"),
        (Text(3), "🔧🔧🔧", "🔧🔧🔧"),
        (Text(9), "e\u0301\u200d\u202eא", "e\u0301\u200d\u202eא"),
        (Text(9, breaks=True), "a\nb\r\nc", "a\nb\r\nc"),
        (Text(9, 0), "", ""),
        (Email(), "  Ann.Driver+Shop@Example.COM ", "ann.driver+shop@example.com"),
        (Email(), "a@b.cd", "a@b.cd"),
        (Phone(), " +49 (30) 1.2-3x4 ", "+49 (30) 1.2-3x4"),
        (Phone(), "110", "110"),
        (Phone(), "1" * 20, "1" * 20),
        (Vin(), " 1hgcm-82633a ", "1HGCM-82633A"),
        (Vin(), "a" * 50, "A" * 50),
        (Password(), " spaces ", " spaces "),
        (Password(), "🔑" * 128, "🔑" * 128),
        (Money(), 0, 0),
        (Money(), Decimal("99999999.99"), 9_999_999_999),
        (Money(), Decimal("12.340"), 1234),
        (Money(), Decimal("4.35"), 435),
        (Money(), Decimal("1.5e1"), 1500),
        (Money(), Decimal("1E+7"), 1_000_000_000),
        (Money(), Decimal("-0.0"), 0),
        (Money(), Decimal("0.00000000000000000000000000000000000"), 0),
        (Id(), 1, 1),
        (Id(), 2_147_483_647, 2_147_483_647),
        (Quantity(0), 0, 0),
        (Quantity(), 2_147_483_647, 2_147_483_647),
        (Ids(), [3, 1, 3], [1, 3]),
        (Ids(), [*range(1, 50), 1], list(range(1, 50))),
        (Ids(), [], []),
        (QueryInteger(1, 100), "100", 100),
    ],
    ids=repr,
)
def test_a_field_takes_its_edges(field, sent, kept):
    assert field.deserialize(sent) == kept


@pytest.mark.parametrize("day", ["0001-01-01", "2024-02-29", "9999-12-31"])
def test_a_day_is_taken(day):
    assert IsoDate().deserialize(day).isoformat() == day


@pytest.mark.parametrize(
    ("field", "sent", "says"),
    [
        (Text(3), "four", "must have 1 to 3 characters"),
        (Text(3), "\u2003", "must have 1 to 3 characters"),
        (Text(3), 5, "must be a string"),
        (Text(3), None, "may not be null"),
        (Text(3), "a\nb", "may not hold control characters"),
        (Text(9, breaks=True), "a\tb", "may not hold control characters"),
        (Text(3), "\ud800", "may not hold control characters"),
        (Email(), "ann@example", "must be an email address like ann@example.com"),
        (Phone(), "call me", "may hold digits, spaces and +()-.x only"),
        (Phone(), "12", "must have 3 to 20 characters"),
        (Vin(), "ß", "may hold letters, digits and hyphens only"),
        (Password(), "seven77", "must have 8 to 128 characters"),
        (Money(), Decimal("0.001"), "may have two decimals at most"),
        (Money(), Decimal("1.00000000000000000000000000000000001"), "may have two decimals at most"),
        (Money(), Decimal("1e400"), "must be from 0 to 99,999,999.99"),
        (Money(), -1, "must be from 0 to 99,999,999.99"),
        (Money(), 9.5, "must be a number"),  # A float is never read from a body; it has lost its decimals.
        (Money(), True, "must be a number"),
        (Quantity(), Decimal("1.0"), "must be a whole number"),
        (Quantity(), True, "must be a whole number"),
        (Quantity(), 0, "must be from 1 to 2147483647"),
        (Ids(), [0], "must be from 1 to 2147483647"),
        (Ids(), [1] * 51, "may have 50 ids at most"),
        (IsoDate(), "2026-02-30", "must be a date like 2026-11-24"),
        (QueryInteger(1, 100), "١", "must be a whole number"),
        (QueryInteger(1, 100), "101", "must be from 1 to 100"),
    ],
    ids=repr,
)
def test_a_field_says_what_is_wrong_in_words_to_act_on(field, sent, says):
    with pytest.raises(ValidationError) as refused:
        field.deserialize(sent)
    assert says in str(refused.value.messages)


@pytest.mark.parametrize(
    ("cents", "shown"),
    [
        (None, b"null"),
        (0, b"0.0"),
        (1, b"0.01"),
        (435, b"4.35"),
        (10**15, b"10000000000000.00"),
        (10**15 + 1, b"10000000000000.01"),
    ],
)
def test_money_is_shown_exactly(cents, shown, app):
    assert app.json.encode(Money().serialize("price", SimpleNamespace(price=cents))) == shown


# ---------------------------------------------------------------- through the shop, on every database
@pytest.mark.parametrize(
    ("field", "sent", "shown"),
    [
        ("name", "x" * 255, "x" * 255),
        ("name", "🔧" * 255, "🔧" * 255),
        ("name", "  Zoë\u00a0", "Zoë"),
        ("name", "Zoe\u0308", "Zoe\u0308"),
        ("name", "'; DROP TABLE customers; -- %s \\ {}", "'; DROP TABLE customers; -- %s \\ {}"),
        ("name", "<b>Ann & Bob</b>", "<b>Ann & Bob</b>"),
        ("email", "  ANN@Example.COM ", "ann@example.com"),
        ("email", LONGEST_ADDRESS, LONGEST_ADDRESS),
        ("phone", "1" * 20, "1" * 20),
        ("phone", " 110 ", "110"),
        ("phone", None, None),
    ],
)
def test_a_customer_may_hold(field, sent, shown, admin, anyone):
    made = anyone.post("/customers", json=ANN | {field: sent})
    assert (made.status_code, made.json[field]) == (201, shown)
    assert admin.get(made.headers["Location"]).json == made.json


@pytest.mark.parametrize("password", ["x" * 8, " spaces ", "🔑" * 128, "Z\u0301" * 8])
def test_a_password_works_as_it_was_given(password, anyone):
    assert anyone.post("/customers", json=ANN | {"password": password}).status_code == 201
    signed = {"email": " ANN@example.com", "password": password}
    assert anyone.post("/customers/login", json=signed).status_code == 200
    assert anyone.post("/customers/login", json=signed | {"password": f" {password}"}).status_code in (401, 422)


@pytest.mark.parametrize(
    ("field", "sent", "shown"),
    [
        ("price", 0, 0),
        ("price", 99_999_999.99, 99_999_999.99),
        ("price", 12.340, 12.34),
        ("quantity", 0, 0),
        ("quantity", 2_147_483_647, 2_147_483_647),
        ("sku", "🔩" * 64, "🔩" * 64),
        ("sku", " BP-1 ", "BP-1"),
        ("sku", None, None),
    ],
)
def test_a_part_may_hold(field, sent, shown, admin):
    made = admin.post("/inventory", json=PAD | {field: sent})
    assert (made.status_code, made.json[field]) == (201, shown)
    changed = admin.put(made.headers["Location"], json={field: sent})
    assert (changed.status_code, changed.json[field]) == (200, shown)
    assert admin.get(made.headers["Location"]).json == changed.json


@pytest.mark.parametrize(
    ("field", "sent", "shown"),
    [
        ("description", "🔧" * 2000, "🔧" * 2000),
        ("description", " brakes\r\nfront\nand rear ", "brakes\r\nfront\nand rear"),
        ("vin", " 1hg-" + "a" * 46, "1HG-" + "A" * 46),
        ("service_date", "0001-01-01", "0001-01-01"),
        ("service_date", "2024-02-29", "2024-02-29"),
        ("service_date", "9999-12-31", "9999-12-31"),
    ],
)
def test_a_ticket_may_hold(field, sent, shown, admin, make):
    ticket = make.ticket()
    changed = admin.put(f"/tickets/{ticket.id}", json={field: sent})
    assert (changed.status_code, changed.json[field]) == (200, shown)
    assert admin.get(f"/tickets/{ticket.id}").json == changed.json


@pytest.mark.parametrize("salary", [0, 99_999_999.99, 12.34])
def test_a_mechanic_may_earn(salary, admin):
    hired = admin.post("/mechanics", json={"name": "Max", "email": "max@example.com", "phone": "555", "salary": salary})
    assert (hired.status_code, hired.json["salary"]) == (201, salary)


def test_fifty_ids_and_a_hundred_lines_are_taken(admin, make, left):
    mechanics, parts = [make.mechanic().id for _ in range(50)], [make.part() for _ in range(100)]
    ticket = make.ticket()
    crew = admin.put(f"/tickets/{ticket.id}/mechanics", json={"mechanic_ids": mechanics})
    assert [each["id"] for each in crew.json["mechanics"]] == mechanics
    lines = [{"inventory_id": part.id} for part in parts]
    assert admin.put(f"/tickets/{ticket.id}/inventory", json={"add_parts": lines}).status_code == 200
    assert left.lines_of(ticket) == {part.id: 1 for part in parts}
