"""Service tickets: opening, showing, changing and deleting them, and who may."""

import pytest
from sqlalchemy.exc import IntegrityError

from app.blueprints.service_ticket import tickets
from app.models import service_tickets

NOBODY = 2_147_483_647
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


# ---------------------------------------------------------------- opening one
def test_opening_a_ticket_answers_it_and_where_it_is(staff, customer):
    """«POST /tickets»: 201, Location, and the new record with every field of the contract."""
    answer = staff.post("/tickets", json=A_BODY | {"customer_id": customer.id})
    assert answer.status_code == 201
    ticket = answer.json
    assert answer.headers["Location"] == f"/tickets/{ticket['id']}"
    assert ticket == A_BODY | {
        "id": ticket["id"],
        "customer_id": customer.id,
        "mechanics": [],
        "parts": [],
        "parts_total": 0,
        "created_at": ticket["created_at"],
        "updated_at": ticket["created_at"],
    }
    assert staff.get(answer.headers["Location"]).json == ticket


def test_a_ticket_is_opened_with_its_mechanics_and_parts(staff, customer, make, left):
    """«stock is deducted in the same transaction»; a quantity that is left out is 1."""
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


def test_text_is_kept_as_the_contract_says(staff, customer):
    """Trimmed, the VIN in upper case; line breaks, emoji and 2,000 characters stand in a description."""
    text = "Squeals 🚗\nat low speed"
    body = A_BODY | {"customer_id": customer.id, "vin": " ab-12 ", "description": f"  {text}\n"}
    ticket = staff.post("/tickets", json=body).json
    assert (ticket["vin"], ticket["description"]) == ("AB-12", text)
    long = staff.post("/tickets", json=body | {"description": "é" * 2000, "vin": "V" * 50}).json
    assert (long["description"], long["vin"]) == ("é" * 2000, "V" * 50)


WRONG_FIELDS = [
    *((name, None, name) for name in ("customer_id", "service_date", "description", "vin", "mechanic_ids", "parts")),
    *(("customer_id", value, "customer_id") for value in (0, -1, 1.0, "1", True, NOBODY, NOBODY + 1, 10**19, [1])),
    *(("service_date", value, "service_date") for value in ("", "2026-02-30", "24.11.2026", "2026-11-24T08:00:00Z", 20261124)),
    *(("description", value, "description") for value in ("", " \n ", "x" * 2001, "a\0b", "a\tb", 7)),
    *(("vin", value, "vin") for value in ("", "V" * 51, "A B", "VINß", "A_1", "A\n1", 7)),
]
WRONG_TICKETS = [
    *WRONG_FIELDS,
    *(("mechanic_ids", value, "mechanic_ids") for value in ("1", 1, {}, [NOBODY], list(range(1, 52)))),
    ("mechanic_ids", ["1"], "mechanic_ids.0"),
    ("mechanic_ids", [1, True], "mechanic_ids.1"),
    ("parts", {}, "parts"),
    ("parts", [{"inventory_id": 1}] * 101, "parts"),
    ("parts", [{}], "parts.0.inventory_id"),
    ("parts", [{"inventory_id": NOBODY}], "parts.0.inventory_id"),
    ("parts", [{"inventory_id": 1, "quantity": 0}], "parts.0.quantity"),
    ("parts", [{"inventory_id": 1, "quantity": 1.0}], "parts.0.quantity"),
    ("parts", [{"inventory_id": 1, "quantity": None}], "parts.0.quantity"),
    ("parts", [{"inventory_id": 1, "quantity": NOBODY + 1}], "parts.0.quantity"),
    ("parts", [{"inventory_id": 1, "unit_price": 1}], "parts.0.unit_price"),
    *((name, 1, name) for name in ("id", "parts_total", "created_at", "updated_at", "mechanics", "version", "odometer")),
]


def named(case):
    """A short name for a case of a table."""
    return f"{case[0]}={case[1]!r:.20}"


@pytest.mark.parametrize("case", WRONG_TICKETS, ids=named)
def test_a_wrong_field_opens_no_ticket(staff, customer, unchanged, case):
    """A bad, unknown or read-only field is 422 and named."""
    field, value, wrong = case
    with unchanged():
        answer = staff.post("/tickets", json=A_BODY | {"customer_id": customer.id, field: value})
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == [wrong]


@pytest.mark.parametrize("field", ["customer_id", *A_BODY])
def test_a_missing_field_opens_no_ticket(staff, customer, unchanged, field):
    body = {name: value for name, value in (A_BODY | {"customer_id": customer.id}).items() if name != field}
    with unchanged():
        answer = staff.post("/tickets", json=body)
    assert (answer.status_code, list(answer.json["errors"])) == (422, [field])


def test_nobody_who_is_gone_comes_on_a_new_ticket(admin, staff, customer, make, unchanged):
    """An id in a body that names nothing any more is 422: a deleted customer, mechanic or part."""
    leaver, mechanic, part = make.customer(), make.mechanic(), make.part()
    for path in (f"/customers/{leaver.id}", f"/mechanics/{mechanic.id}", f"/inventory/{part.id}"):
        assert admin.delete(path).status_code == 204
    for gone in ({"customer_id": leaver.id}, {"mechanic_ids": [mechanic.id]}, {"parts": [{"inventory_id": part.id}]}):
        with unchanged():
            answer = staff.post("/tickets", json=A_BODY | {"customer_id": customer.id} | gone)
        assert answer.status_code == 422
        assert next(iter(answer.json["errors"])).partition(".")[0] == next(iter(gone))


# ---------------------------------------------------------------- changing one
def test_a_change_takes_any_subset_of_the_fields(staff, make, backdate):
    """«PUT takes any subset of the writable fields: what is left out stays»; `updated_at` moves."""
    ticket, other = make.ticket(), make.customer()
    for field, value, shown in [
        ("description", " Brakes and oil ", "Brakes and oil"),
        ("vin", "abc-1", "ABC-1"),
        ("service_date", "2027-01-02", "2027-01-02"),
        ("customer_id", other.id, other.id),
    ]:
        backdate(service_tickets, ticket)
        before = staff.get(f"/tickets/{ticket.id}").json
        answer = staff.put(f"/tickets/{ticket.id}", json={field: value})
        assert answer.status_code == 200
        assert answer.json == before | {field: shown, "updated_at": answer.json["updated_at"]}
        assert answer.json["updated_at"] > before["updated_at"]
        assert staff.get(f"/tickets/{ticket.id}").json == answer.json


def test_a_change_to_what_already_stands_changes_nothing(staff, make, backdate):
    """`{}` changes nothing, nor does sending what the ticket holds already; `updated_at` stays."""
    ticket = make.ticket()
    backdate(service_tickets, ticket)
    before = staff.get(f"/tickets/{ticket.id}").json
    same = {name: before[name] for name in ("customer_id", "service_date", "description", "vin")}
    for body in ({}, same):
        assert staff.put(f"/tickets/{ticket.id}", json=body).json == before


@pytest.mark.parametrize(
    "case", [*WRONG_FIELDS, *((name, [], name) for name in ("mechanic_ids", "parts", "id", "created_at"))], ids=named
)
def test_a_wrong_field_changes_nothing(staff, make, unchanged, case):
    """What `PUT /tickets/<id>` doesn't take is 422: mechanics and parts have endpoints of their own."""
    field, value, wrong = case
    ticket = make.ticket()
    with unchanged():
        answer = staff.put(f"/tickets/{ticket.id}", json={"description": "Other", field: value})
    assert (answer.status_code, list(answer.json["errors"])) == (422, [wrong])


def test_the_owner_changes_with_the_customer(staff, make, customer):
    first = make.customer()
    ticket = make.ticket(customer_id=first.id)
    staff.put(f"/tickets/{ticket.id}", json={"customer_id": customer.id})
    assert first.get(f"/tickets/{ticket.id}").status_code == 404
    assert customer.get(f"/tickets/{ticket.id}").status_code == 200


# ---------------------------------------------------------------- deleting one
def test_a_deleted_ticket_is_nowhere_and_its_parts_are_back(staff, make, left):
    """«DELETE /tickets/<id>»: its parts go back to stock, and the ledger says so."""
    pads, oil, mechanic, owner = make.part(quantity=5), make.part(quantity=9), make.mechanic(), make.customer()
    lines = [{"inventory_id": pads.id, "quantity": 5}, {"inventory_id": oil.id, "quantity": 2}]
    ticket = make.ticket(customer_id=owner.id, mechanic_ids=[mechanic.id], parts=lines)
    answer = staff.delete(f"/tickets/{ticket.id}")
    assert (answer.status_code, answer.data) == (204, b"")
    assert (left.stock_of(pads), left.stock_of(oil)) == (5, 9)
    assert left.movements_of(pads) == [("received", 5), ("used", -5), ("returned", 5)]
    assert left.movements_of(oil) == [("received", 9), ("used", -2), ("returned", 2)]
    assert left.lines_of(ticket) == {}
    for person, path in [(staff, "/tickets"), (owner, "/tickets/my-tickets"), (mechanic, "/tickets/my-tickets")]:
        assert person.get(path).json == []
    for method, path in [*BY_STAFF[2:], *BY_OWNER]:
        gone = staff.open(method, path.format(id=ticket.id, mechanic=mechanic.id), json={})
        assert gone.status_code == 404
    assert left.stock_of(pads) == 5, "a second deletion returned the parts again"


def test_a_deletion_returns_a_deleted_part_too(admin, staff, make, left):
    """Taking a deleted part off a ticket still works."""
    part = make.part(quantity=5)
    ticket = make.ticket(parts=[{"inventory_id": part.id, "quantity": 2}])
    admin.delete(f"/inventory/{part.id}")
    assert staff.delete(f"/tickets/{ticket.id}").status_code == 204
    assert left.stock_of(part) == 5


def test_a_ticket_whose_parts_find_no_room_stays(staff, make, unchanged):
    """«a return that would pass the largest stock» is 409: all of the ticket stays, its other parts, too."""
    other, part = make.part(), make.part(quantity=2)
    ticket = make.ticket(parts=[{"inventory_id": other.id}, {"inventory_id": part.id, "quantity": 2}])
    staff.put(f"/inventory/{part.id}", json={"quantity": 2_147_483_646})
    with unchanged():
        assert staff.delete(f"/tickets/{ticket.id}").status_code == 409


# ---------------------------------------------------------------- who may
def addressed(path, ticket_id=NOBODY):
    return path.format(id=ticket_id, mechanic=1)


@pytest.mark.parametrize(("method", "path"), [*BY_STAFF, *BY_OWNER, ("GET", "/tickets/my-tickets")])
def test_nobody_unknown_sees_or_changes_a_ticket(anyone, make, unchanged, method, path):
    """Without a good token 401 and `WWW-Authenticate: Bearer`."""
    ticket = make.ticket()
    with unchanged():
        answer = anyone.open(method, addressed(path, ticket.id), json={})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize(("method", "path"), BY_STAFF)
def test_a_customer_writes_no_tickets(customer, make, unchanged, method, path):
    """A role that may not: 403, whatever the id; their own ticket, too."""
    own = make.ticket(customer_id=customer.id)
    with unchanged():
        answers = [customer.open(method, addressed(path, each), json={}) for each in (own.id, NOBODY)]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].json == answers[1].json


@pytest.mark.parametrize(("method", "path"), BY_OWNER)
def test_a_ticket_is_shown_to_its_owner_and_to_staff(customer, staff, admin, make, method, path):
    """Someone else's ticket is 404, with the same body as for an id that does not exist."""
    own, other = make.ticket(customer_id=customer.id), make.ticket()
    for person, ticket in [(customer, own), (staff, own), (admin, other)]:
        assert person.open(method, addressed(path, ticket.id)).status_code == 200
    strange, none = (customer.open(method, addressed(path, each)) for each in (other.id, NOBODY))
    assert (strange.status_code, none.status_code) == (404, 404)
    assert strange.data == none.data


@pytest.mark.parametrize(("method", "path"), [*BY_STAFF[2:], *BY_OWNER])
def test_a_ticket_that_never_was_is_not_found(staff, make, unchanged, method, path):
    with unchanged():
        assert staff.open(method, addressed(path), json={}).status_code == 404


@pytest.mark.parametrize(("method", "path"), BY_STAFF[2:])
def test_a_stale_if_match_changes_no_ticket(staff, make, unchanged, method, path):
    """`If-Match` of a ticket, its mechanics and its parts is the ticket's ETag; a stale one is 412, a current one fits."""
    mechanic = make.mechanic()
    ticket = make.ticket(mechanic_ids=[mechanic.id])
    read = staff.get(f"/tickets/{ticket.id}").headers["ETag"]
    address = path.format(id=ticket.id, mechanic=mechanic.id)
    staff.put(f"/tickets/{ticket.id}", json={"description": "Changed meanwhile"})
    with unchanged():
        assert staff.open(method, address, json={}, headers={"If-Match": read}).status_code == 412
    current = staff.get(f"/tickets/{ticket.id}").headers["ETag"]
    assert staff.open(method, address, json={}, headers={"If-Match": current}).status_code in (200, 204)


def test_a_fault_of_the_database_is_not_laid_on_the_customer(staff, make, engine, monkeypatch):
    """As where a restore by hand has left the numbers behind: the operator must hear of it."""
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
