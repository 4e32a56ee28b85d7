"""Service tickets: creating, reading, changing and deleting them, and the permissions."""

import pytest
from sqlalchemy.exc import IntegrityError

from app.blueprints.service_ticket import tickets
from app.models import service_tickets

UNKNOWN_ID = 2_147_483_647
A_BODY = {"service_date": "2026-11-24", "description": "Brakes squeal", "vin": "1HGCM82633A004352"}
BY_STAFF = [
    ("POST", "/tickets"),
    ("GET", "/tickets"),
    ("PUT", "/tickets/{id}"),
    ("DELETE", "/tickets/{id}"),
    ("PUT", "/tickets/{id}/mechanics"),
    ("DELETE", "/tickets/{id}/mechanics/{mechanic}"),
    ("PUT", "/tickets/{id}/inventory"),
]
BY_OWNER = [("GET", "/tickets/{id}"), ("GET", "/tickets/{id}/mechanics")]


# ---------------------------------------------------------------- creating
def test_create_returns_the_ticket_and_its_location(staff, customer):
    """201 with Location and every field of the new record."""
    response = staff.post("/tickets", json=A_BODY | {"customer_id": customer.id})
    assert response.status_code == 201
    ticket = response.json
    assert response.headers["Location"] == f"/tickets/{ticket['id']}"
    assert ticket == A_BODY | {
        "id": ticket["id"],
        "customer_id": customer.id,
        "customer_name": customer.record["name"],
        "mechanics": [],
        "parts": [],
        "parts_total": 0,
        "created_at": ticket["created_at"],
        "updated_at": ticket["created_at"],
    }
    assert staff.get(response.headers["Location"]).json == ticket


def test_ticket_is_created_with_mechanics_and_parts(staff, customer, make, left):
    """The stock is deducted. The default quantity is 1."""
    ann, bob = make.mechanic(name="Ann"), make.mechanic(name="Bob")
    pads, oil = make.part(name="Pads", price=49.9, quantity=5), make.part(name="Oil", price=8.5, quantity=5)
    lines = [{"inventory_id": oil.id, "quantity": 3}, {"inventory_id": pads.id}]
    body = A_BODY | {"customer_id": customer.id, "mechanic_ids": [bob.id, ann.id, bob.id], "parts": lines}
    ticket = staff.post("/tickets", json=body).json
    assert ticket["mechanics"] == [{"id": ann.id, "name": "Ann"}, {"id": bob.id, "name": "Bob"}]
    assert ticket["parts"] == [
        {"inventory_id": pads.id, "name": "Pads", "quantity": 1, "unit_price": 49.9, "total": 49.9},
        {"inventory_id": oil.id, "name": "Oil", "quantity": 3, "unit_price": 8.5, "total": 25.5},
    ]
    assert ticket["parts_total"] == 75.4
    assert (left.stock_of(pads), left.stock_of(oil)) == (4, 2)
    assert left.movements_of(oil) == [("received", 5), ("used", -3)]


def test_text_is_trimmed_and_the_vin_is_in_capitals(staff, customer):
    """Trimmed, the VIN in upper case; a description may have line breaks, emoji and 2,000 characters."""
    text = "Squeals 🚗\nat low speed"
    body = A_BODY | {"customer_id": customer.id, "vin": " ab-12 ", "description": f"  {text}\n"}
    ticket = staff.post("/tickets", json=body).json
    assert (ticket["vin"], ticket["description"]) == ("AB-12", text)
    long = staff.post("/tickets", json=body | {"description": "é" * 2000, "vin": "V" * 50}).json
    assert (long["description"], long["vin"]) == ("é" * 2000, "V" * 50)


WRONG_FIELDS = [
    *((name, None, name) for name in ("customer_id", "service_date", "description", "vin", "mechanic_ids", "parts")),
    *(("customer_id", value, "customer_id") for value in (0, -1, 1.0, "1", True, UNKNOWN_ID, UNKNOWN_ID + 1, 10**19, [1])),
    *(("service_date", value, "service_date") for value in ("", "2026-02-30", "24.11.2026", "2026-11-24T08:00:00Z", 20261124)),
    *(("description", value, "description") for value in ("", " \n ", "x" * 2001, "a\0b", "a\tb", 7)),
    *(("vin", value, "vin") for value in ("", "V" * 51, "A B", "VINß", "A_1", "A\n1", 7)),
]
WRONG_TICKETS = [
    *WRONG_FIELDS,
    *(("mechanic_ids", value, "mechanic_ids") for value in ("1", 1, {}, [UNKNOWN_ID], list(range(1, 52)))),
    ("mechanic_ids", ["1"], "mechanic_ids.0"),
    ("mechanic_ids", [1, True], "mechanic_ids.1"),
    ("parts", {}, "parts"),
    ("parts", [{"inventory_id": 1}] * 101, "parts"),
    ("parts", [{}], "parts.0.inventory_id"),
    ("parts", [{"inventory_id": UNKNOWN_ID}], "parts.0.inventory_id"),
    ("parts", [{"inventory_id": 1, "quantity": 0}], "parts.0.quantity"),
    ("parts", [{"inventory_id": 1, "quantity": 1.0}], "parts.0.quantity"),
    ("parts", [{"inventory_id": 1, "quantity": None}], "parts.0.quantity"),
    ("parts", [{"inventory_id": 1, "quantity": UNKNOWN_ID + 1}], "parts.0.quantity"),
    ("parts", [{"inventory_id": 1, "unit_price": 1}], "parts.0.unit_price"),
    *((name, 1, name) for name in ("id", "parts_total", "created_at", "updated_at", "mechanics", "version", "odometer")),
]


def case_id(case):
    """Return a short test id for a case of a table."""
    return f"{case[0]}={case[1]!r:.20}"


@pytest.mark.parametrize("case", WRONG_TICKETS, ids=case_id)
def test_create_with_a_wrong_field_is_422(staff, customer, unchanged, case):
    """A bad, unknown or read-only field is named, and no ticket is created."""
    field, value, wrong = case
    with unchanged():
        response = staff.post("/tickets", json=A_BODY | {"customer_id": customer.id, field: value})
    assert response.status_code == 422
    assert list(response.json["errors"]) == [wrong]


@pytest.mark.parametrize("field", ["customer_id", *A_BODY])
def test_create_without_a_required_field_is_422(staff, customer, unchanged, field):
    body = {name: value for name, value in (A_BODY | {"customer_id": customer.id}).items() if name != field}
    with unchanged():
        response = staff.post("/tickets", json=body)
    assert (response.status_code, list(response.json["errors"])) == (422, [field])


def test_create_with_a_deleted_record_is_422(admin, staff, customer, make, unchanged):
    """A deleted customer, mechanic or part."""
    deleted_customer, mechanic, part = make.customer(), make.mechanic(), make.part()
    for path in (f"/customers/{deleted_customer.id}", f"/mechanics/{mechanic.id}", f"/inventory/{part.id}"):
        assert admin.delete(path).status_code == 204
    for field in (
        {"customer_id": deleted_customer.id},
        {"mechanic_ids": [mechanic.id]},
        {"parts": [{"inventory_id": part.id}]},
    ):
        with unchanged():
            response = staff.post("/tickets", json=A_BODY | {"customer_id": customer.id} | field)
        assert response.status_code == 422
        assert next(iter(response.json["errors"])).partition(".")[0] == next(iter(field))


# ---------------------------------------------------------------- changing
def test_update_changes_only_the_given_fields(staff, make, backdate):
    """`updated_at` changes."""
    ticket, other = make.ticket(), make.customer()
    for field, value, shown in [
        ("description", " Brakes and oil ", {"description": "Brakes and oil"}),
        ("vin", "abc-1", {"vin": "ABC-1"}),
        ("service_date", "2027-01-02", {"service_date": "2027-01-02"}),
        ("customer_id", other.id, {"customer_id": other.id, "customer_name": other.record["name"]}),
    ]:
        backdate(service_tickets, ticket)
        before = staff.get(f"/tickets/{ticket.id}").json
        response = staff.put(f"/tickets/{ticket.id}", json={field: value})
        assert response.status_code == 200
        assert response.json == before | shown | {"updated_at": response.json["updated_at"]}
        assert response.json["updated_at"] > before["updated_at"]
        assert staff.get(f"/tickets/{ticket.id}").json == response.json


def test_update_to_the_current_values_changes_nothing(staff, make, backdate):
    """Neither `{}` nor the current values: `updated_at` stays."""
    ticket = make.ticket()
    backdate(service_tickets, ticket)
    before = staff.get(f"/tickets/{ticket.id}").json
    same = {name: before[name] for name in ("customer_id", "service_date", "description", "vin")}
    for body in ({}, same):
        assert staff.put(f"/tickets/{ticket.id}", json=body).json == before


@pytest.mark.parametrize(
    "case", [*WRONG_FIELDS, *((name, [], name) for name in ("mechanic_ids", "parts_total", "id", "customer_name"))], ids=case_id
)
def test_update_with_a_wrong_field_is_422(staff, make, unchanged, case):
    """So are mechanics and parts, which have endpoints of their own. Nothing is changed."""
    field, value, wrong = case
    ticket = make.ticket()
    with unchanged():
        response = staff.put(f"/tickets/{ticket.id}", json={"description": "Other", field: value})
    assert (response.status_code, list(response.json["errors"])) == (422, [wrong])


def test_owner_changes_with_the_customer_id(staff, make, customer):
    first = make.customer()
    ticket = make.ticket(customer_id=first.id)
    staff.put(f"/tickets/{ticket.id}", json={"customer_id": customer.id})
    assert first.get(f"/tickets/{ticket.id}").status_code == 404
    assert customer.get(f"/tickets/{ticket.id}").status_code == 200


# ---------------------------------------------------------------- deleting
def test_deleted_ticket_is_404_and_its_parts_are_returned(staff, make, left):
    """The ledger has a movement for each part."""
    pads, oil, mechanic, owner = make.part(quantity=5), make.part(quantity=9), make.mechanic(), make.customer()
    lines = [{"inventory_id": pads.id, "quantity": 5}, {"inventory_id": oil.id, "quantity": 2}]
    ticket = make.ticket(customer_id=owner.id, mechanic_ids=[mechanic.id], parts=lines)
    response = staff.delete(f"/tickets/{ticket.id}")
    assert (response.status_code, response.data) == (204, b"")
    assert (left.stock_of(pads), left.stock_of(oil)) == (5, 9)
    assert left.movements_of(pads) == [("received", 5), ("used", -5), ("returned", 5)]
    assert left.movements_of(oil) == [("received", 9), ("used", -2), ("returned", 2)]
    assert left.lines_of(ticket) == {}
    for person, path in [(staff, "/tickets"), (owner, "/tickets/my-tickets"), (mechanic, "/tickets/my-tickets")]:
        assert person.get(path).json == []
    for method, path in [*BY_STAFF[2:], *BY_OWNER]:
        response = staff.open(method, path.format(id=ticket.id, mechanic=mechanic.id), json={})
        assert response.status_code == 404
    assert left.stock_of(pads) == 5, "the second deletion returned the parts again"


def test_deleting_a_ticket_returns_a_deleted_part_too(admin, staff, make, left):
    part = make.part(quantity=5)
    ticket = make.ticket(parts=[{"inventory_id": part.id, "quantity": 2}])
    admin.delete(f"/inventory/{part.id}")
    assert staff.delete(f"/tickets/{ticket.id}").status_code == 204
    assert left.stock_of(part) == 5


def test_delete_with_a_return_beyond_the_largest_stock_is_409(staff, make, unchanged):
    """The whole ticket stays, with its other parts."""
    other, part = make.part(), make.part(quantity=2)
    ticket = make.ticket(parts=[{"inventory_id": other.id}, {"inventory_id": part.id, "quantity": 2}])
    staff.put(f"/inventory/{part.id}", json={"quantity": 2_147_483_646})
    with unchanged():
        assert staff.delete(f"/tickets/{ticket.id}").status_code == 409


# ---------------------------------------------------------------- permissions
def path_of(path, ticket_id=UNKNOWN_ID):
    return path.format(id=ticket_id, mechanic=1)


@pytest.mark.parametrize(("method", "path"), [*BY_STAFF, *BY_OWNER, ("GET", "/tickets/my-tickets")])
def test_request_without_a_token_is_401(anyone, make, unchanged, method, path):
    ticket = make.ticket()
    with unchanged():
        response = anyone.open(method, path_of(path, ticket.id), json={})
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize(("method", "path"), BY_STAFF)
def test_customer_cannot_write_tickets(customer, make, unchanged, method, path):
    """403, whatever the id, also for the customer's own ticket."""
    own = make.ticket(customer_id=customer.id)
    with unchanged():
        responses = [customer.open(method, path_of(path, each), json={}) for each in (own.id, UNKNOWN_ID)]
    assert [response.status_code for response in responses] == [403, 403]
    assert responses[0].json == responses[1].json


@pytest.mark.parametrize(("method", "path"), BY_OWNER)
def test_ticket_is_shown_to_its_owner_and_to_staff(customer, staff, admin, make, method, path):
    """Another customer gets 404, with the same body as for an unknown id."""
    own, other = make.ticket(customer_id=customer.id), make.ticket()
    for person, ticket in [(customer, own), (staff, own), (admin, other)]:
        assert person.open(method, path_of(path, ticket.id)).status_code == 200
    others, unknown = (customer.open(method, path_of(path, each)) for each in (other.id, UNKNOWN_ID))
    assert (others.status_code, unknown.status_code) == (404, 404)
    assert others.data == unknown.data


@pytest.mark.parametrize(("method", "path"), [*BY_STAFF[2:], *BY_OWNER])
def test_unknown_ticket_is_404(staff, make, unchanged, method, path):
    with unchanged():
        assert staff.open(method, path_of(path), json={}).status_code == 404


@pytest.mark.parametrize(("method", "path"), BY_STAFF[2:])
def test_stale_if_match_is_412_and_changes_nothing(staff, make, unchanged, method, path):
    """The ETag of the ticket also guards its mechanics and parts."""
    mechanic = make.mechanic()
    ticket = make.ticket(mechanic_ids=[mechanic.id])
    stale = staff.get(f"/tickets/{ticket.id}").headers["ETag"]
    path_of_ticket = path.format(id=ticket.id, mechanic=mechanic.id)
    staff.put(f"/tickets/{ticket.id}", json={"description": "Changed meanwhile"})
    with unchanged():
        assert staff.open(method, path_of_ticket, json={}, headers={"If-Match": stale}).status_code == 412
    current = staff.get(f"/tickets/{ticket.id}").headers["ETag"]
    assert staff.open(method, path_of_ticket, json={}, headers={"If-Match": current}).status_code in (200, 204)


def test_unexpected_integrity_error_is_500(staff, make, engine, monkeypatch):
    """As after a restore by hand that did not set the sequences: the operator must hear of it."""
    customer = make.customer().id

    real = tickets.execute

    def execute(statement, parameters=None):
        if statement is not tickets.INSERT_TICKET:
            return real(statement, parameters)
        raise IntegrityError("INSERT", {}, Exception('duplicate key value violates unique constraint "pk_service_tickets"'))

    monkeypatch.setattr(tickets, "execute", execute)
    monkeypatch.setitem(staff.app.config, "PROPAGATE_EXCEPTIONS", False)
    assert staff.post("/tickets", json=A_BODY | {"customer_id": customer}).status_code == 500
    with engine.connect() as connection:
        assert connection.execute(service_tickets.select()).all() == []
