"""Each field accepts its boundary values, stores them, and refuses others."""

from decimal import Decimal
from types import SimpleNamespace

import pytest
from marshmallow import ValidationError

from app.utils.api.fields import Email, Id, Ids, IsoDate, LatinText, Money, Password, Phone, Quantity, QueryInteger, Text, Vin

ANN = {"name": "Ann", "email": "ann@example.com", "password": "correct horse battery"}
PAD = {"name": "Pad", "price": 5}
LONGEST_ADDRESS = f"{'a' * 64}@{'b' * 60}.{'c' * 60}.{'d' * 60}.example"[:255]


@pytest.mark.parametrize(
    ("field", "sent", "stored"),
    [
        (Text(255), " Ann\u3000\ufeff", "Ann"),
        (Text(255), "\n Ann \r\n", "Ann"),
        (Text(3), "🔧🔧🔧", "🔧🔧🔧"),
        (Text(9), "e\u0301\u200d\u200fא", "e\u0301\u200d\u200fא"),
        (Text(9), "می\u200cخواهم", "می\u200cخواهم"),
        (Text(9), "👩\u200d🔧", "👩\u200d🔧"),
        (Text(9), "\u200d❤\ufe0f", "❤\ufe0f"),
        (Text(9), "\ufeff \u200b\u3164Ann\u2800\u2060\u00ad ", "Ann"),
        (Text(9), "\u2066Ann\u2069", "Ann"),
        (Text(9, 0), "\u200b\u115f \ufe0f", ""),
        (Email(), "\u200bann@example.com\u200e", "ann@example.com"),
        (Email(), f"{'a' * 64}@example.com", f"{'a' * 64}@example.com"),
        (Phone(), "\u202a+49\u00a0171\u20115550\u2012100\u202c", "+49 171-5550-100"),
        (Phone(), "555\u20100100\u20131", "555-0100-1"),
        (Phone(), "555\u2014\u20150\u202f1\u20072", "555--0 1 2"),
        (Vin(), "\u200e1HGCM\u200b", "1HGCM"),
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
def test_field_accepts_boundary_values(field, sent, stored):
    assert field.deserialize(sent) == stored


@pytest.mark.parametrize("day", ["0001-01-01", "2024-02-29", "9999-12-31"])
def test_date_accepts_boundary_values(day):
    assert IsoDate().deserialize(day).isoformat() == day


@pytest.mark.parametrize(
    ("field", "sent", "message"),
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
        (Vin(), "ß", "must be written in Latin letters (A-Z) and digits (0-9)"),
        (Vin(), "\u0410BC", "Latin letters"),
        (Vin(), "A_B", "may hold letters, digits and hyphens only"),
        (Email(), "\u0430nn@example.com", "Latin letters"),
        (Email(), "ann@example.com\uff10", "Latin letters"),
        (Email(), f"{'a' * 65}@example.com", "must be an email address like ann@example.com"),
        (Phone(), "\uff15\uff15\uff15", "Latin letters"),
        (Phone(), "555 \u0445 1", "Latin letters"),
        (LatinText(9), "\u0430dmin", "Latin letters"),
        (IsoDate(), "\uff12026-11-24", "Latin letters"),
        (QueryInteger(1, 100), "\uff11", "Latin letters"),
        (Password(), "seven77", "must have 8 to 128 characters"),
        (Money(), Decimal("0.001"), "may have two decimals at most"),
        (Money(), Decimal("1.00000000000000000000000000000000001"), "may have two decimals at most"),
        (Money(), Decimal("1e400"), "must be from 0 to 99,999,999.99"),
        (Money(), -1, "must be from 0 to 99,999,999.99"),
        (Money(), 9.5, "must be a number"),  # Bodies are parsed without floats, which lose decimals.
        (Money(), True, "must be a number"),
        (Quantity(), Decimal("1.0"), "must be a whole number"),
        (Quantity(), True, "must be a whole number"),
        (Quantity(), 0, "must be from 1 to 2147483647"),
        (Ids(), [0], "must be from 1 to 2147483647"),
        (Ids(), [1] * 51, "may have 50 ids at most"),
        (IsoDate(), "2026-02-30", "must be a date like 2026-11-24"),
        (QueryInteger(1, 100), "1.0", "must be a whole number"),
        (QueryInteger(1, 100), "101", "must be from 1 to 100"),
    ],
    ids=repr,
)
def test_field_refuses_with_a_clear_message(field, sent, message):
    with pytest.raises(ValidationError) as error:
        field.deserialize(sent)
    assert message in str(error.value.messages)


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
def test_money_is_serialized_exactly(cents, shown, app):
    assert app.json.encode(Money().serialize("price", SimpleNamespace(price=cents))) == shown


INVISIBLE = "\u00ad\u034f\u061c\u115f\u1160\u17b5\u180e\u200b\u200c\u200d\u200e\u2060\u2064\u206f\u2800"
INVISIBLE += "\u3164\ufe0f\ufeff\uffa0\ufff9\U0001d173"
"""Characters without a shape, of every kind."""


@pytest.mark.parametrize("field", [Text(9), Text(9, breaks=True), Email(), Phone(), Vin(), LatinText(9)], ids=repr)
def test_text_of_nothing_visible_is_refused(field):
    for sent in (*INVISIBLE, INVISIBLE, f" {INVISIBLE}\u00a0{INVISIBLE}", "\U000e0001", "\U000e0020\U000e007f"):
        with pytest.raises(ValidationError) as error:
            field.deserialize(sent)
        assert "must have" in str(error.value.messages)


@pytest.mark.parametrize("character", "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
def test_text_that_turns_its_direction_is_refused(character):
    """ "exe.fdp" would read as "pdf.exe". At an end, such a character turns nothing, unless it is an override."""
    for sent in (f"A{character}B", *([f"{character}A", f"A{character}", character] if character in "\u202d\u202e" else [])):
        for field in (Text(9), Text(9, breaks=True), Phone(), Vin()):
            with pytest.raises(ValidationError) as error:
                field.deserialize(sent)
            assert error.value.messages == ["may not hold control characters"]
    assert Password().deserialize(f"correct {character} horse") == f"correct {character} horse"


def test_long_text_of_spaces_is_trimmed_in_no_time():
    with pytest.raises(ValidationError):
        Text(255).deserialize("a" + " \u200b" * 150_000 + "b")
    with pytest.raises(ValidationError):
        Text(255).deserialize("\U000e0020" * 200_000)


# ---------------------------------------------------------------- over HTTP, on every database
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
def test_customer_field_is_stored_and_shown(field, sent, shown, admin, anyone):
    made = anyone.post("/customers", json=ANN | {field: sent})
    assert (made.status_code, made.json[field]) == (201, shown)
    assert admin.get(made.headers["Location"]).json == made.json


@pytest.mark.parametrize("password", ["x" * 8, " spaces ", "🔑" * 128, "Z\u0301" * 8])
def test_password_is_not_trimmed(password, anyone):
    assert anyone.post("/customers", json=ANN | {"password": password}).status_code == 201
    credentials = {"email": " ANN@example.com", "password": password}
    assert anyone.post("/customers/login", json=credentials).status_code == 200
    assert anyone.post("/customers/login", json=credentials | {"password": f" {password}"}).status_code in (401, 422)


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
def test_part_field_is_stored_and_shown(field, sent, shown, admin):
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
def test_ticket_field_is_stored_and_shown(field, sent, shown, admin, make):
    ticket = make.ticket()
    changed = admin.put(f"/tickets/{ticket.id}", json={field: sent})
    assert (changed.status_code, changed.json[field]) == (200, shown)
    assert admin.get(f"/tickets/{ticket.id}").json == changed.json


@pytest.mark.parametrize("salary", [0, 99_999_999.99, 12.34])
def test_salary_is_stored_and_shown(salary, admin):
    response = admin.post("/mechanics", json={"name": "Max", "email": "max@example.com", "phone": "555", "salary": salary})
    assert (response.status_code, response.json["salary"]) == (201, salary)


def test_fifty_mechanics_and_a_hundred_parts_are_accepted(admin, make, left):
    mechanics, parts = [make.mechanic().id for _ in range(50)], [make.part() for _ in range(100)]
    ticket = make.ticket()
    response = admin.put(f"/tickets/{ticket.id}/mechanics", json={"mechanic_ids": mechanics})
    assert [each["id"] for each in response.json["mechanics"]] == mechanics
    lines = [{"inventory_id": part.id} for part in parts]
    assert admin.put(f"/tickets/{ticket.id}/inventory", json={"add_parts": lines}).status_code == 200
    assert left.lines_of(ticket) == {part.id: 1 for part in parts}


@pytest.mark.parametrize("field", [Text(9), Email(), Phone(), Vin(), Password(), Id(), IsoDate(), Money(), Ids()], ids=repr)
@pytest.mark.parametrize("sent", ["", None, {}, True])
def test_refusal_gives_one_reason(field, sent):
    """An empty text, for one, is too short, and holds nothing that it may not hold."""
    with pytest.raises(ValidationError) as error:
        field.deserialize(sent)
    assert len(error.value.messages) == 1, error.value.messages


@pytest.mark.parametrize(
    ("method", "path", "body", "errors"),
    [
        ("POST", "/customers", ANN | {"phone": ""}, {"phone": ["must have 3 to 20 characters"]}),
        ("POST", "/customers", ANN | {"age": 5}, {"age": ["is no field of this request"]}),
        ("PUT", "/shop", {"supplies": 5}, {"supplies": ["must be an object"]}),
        ("PUT", "/shop", {"supplies": {"percent": 5, "x": 1}}, {"supplies.x": ["is no field of this request"]}),
        ("PUT", "/shop", {"estimate_tolerance": None}, {"estimate_tolerance": ["may not be null"]}),
        ("PUT", "{ticket}", {"add_parts": [1]}, {"add_parts.0": ["must be an object"]}),
        ("PUT", "{ticket}", {"add_parts": [None]}, {"add_parts.0": ["may not be null"]}),
        ("PUT", "{ticket}", {"remove_parts": ["1"]}, {"remove_parts.0": ["must be the id of a part, or an object"]}),
        ("PUT", "{ticket}", {"remove_parts": [0]}, {"remove_parts.0": ["must be from 1 to 2147483647"]}),
        ("PUT", "{ticket}", {"remove_parts": [999]}, {"remove_parts.0": ["must be the id of a part"]}),
        (
            "PUT",
            "{ticket}",
            {"remove_parts": [{"inventory_id": 999}]},
            {"remove_parts.0.inventory_id": ["must be the id of a part"]},
        ),
        ("PUT", "{ticket}", {"remove_parts": [{}]}, {"remove_parts.0.inventory_id": ["is required"]}),
    ],
    ids=str,
)
def test_refusal_is_in_the_words_of_the_shop(admin, make, unchanged, method, path, body, errors):
    path = path.format(ticket=f"/tickets/{make.ticket().id}/inventory")
    with unchanged():
        response = admin.open(method, path, json=body)
    assert (response.status_code, response.json["errors"]) == (422, errors)
