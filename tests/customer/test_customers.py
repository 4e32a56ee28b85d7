"""Reading, changing and listing customers: `/customers` and `/customers/<id>`."""

from datetime import datetime

import pytest
from sqlalchemy import update

from app.models import customers
from app.utils.auth.passwords import verify_password
from tests.support.environment import PASSWORD

LONG_AGO = datetime(2020, 1, 1, 8)
SHOWN = ("id", "name", "email", "phone", "created_at")
NEW = "a new password of mine"


@pytest.fixture
def old_customer(engine, customer):
    """A customer whose record was last written long ago."""
    with engine.begin() as connection:
        connection.execute(update(customers).values(created_at=LONG_AGO, updated_at=LONG_AGO))
    return customer


def without_version(row):
    """Return the values of a row without its version, and without what follows from the others."""
    return {name: value for name, value in row._asdict().items() if name not in ("version", "search")}


# ---------------------------------------------------------------- reading
def test_customer_and_staff_see_the_same_record(old_customer, staff, admin):
    expected = {name: old_customer.record[name] for name in SHOWN[:4]} | {"created_at": "2020-01-01T08:00:00Z"}
    for person in (old_customer, staff, admin):
        response = person.get(f"/customers/{old_customer.id}")
        assert response.status_code == 200
        assert response.json == expected
        assert list(response.json) == list(SHOWN)


def test_customers_are_listed_by_ascending_id(make, staff, admin):
    ids = [make.customer().id for _ in range(3)]
    for person in (staff, admin):
        response = person.get("/customers")
        assert response.status_code == 200
        assert [record["id"] for record in response.json] == sorted(ids)
        assert all(list(record) == list(SHOWN) for record in response.json)
        assert response.headers["X-Total-Count"] == "3"


@pytest.mark.parametrize("q", ["driver", "DRIVER", "ann.d", "ANN.D@", "(0)40", " driver "])
def test_search_matches_name_email_and_phone(make, staff, q):
    ann = make.customer(name="Ann Driver", email="ann.d@example.com", phone="+49 (0)40 555")
    make.customer(name="Bob", email="bob@example.com", phone=None)
    response = staff.get("/customers", query_string={"q": q})
    assert [record["id"] for record in response.json] == [ann.id]


@pytest.mark.parametrize("q", ["%", "_", "nobody", "\\", "argon2", "$"])
def test_search_is_literal_and_matches_no_other_column(make, staff, q):
    make.customer(name="Ann Driver", email="ann@example.com")
    response = staff.get("/customers", query_string={"q": q})
    assert (response.status_code, response.json) == (200, [])


# ---------------------------------------------------------------- changing
@pytest.mark.parametrize("by", ["customer", "staff", "admin"])
@pytest.mark.parametrize(
    "changes",
    [
        {"name": "New Name"},
        {"email": "New@Example.com"},
        {"phone": "+1 555 0199"},
        {"phone": None},
        {"name": "New Name", "phone": "555.0199x1"},
        {"name": "New Name", "email": "new@example.com", "phone": None},
    ],
    ids=" ".join,
)
def test_update_changes_only_the_given_fields(request, old_customer, left, by, changes):
    person = request.getfixturevalue(by)
    before = without_version(left.row(customers, old_customer.id))
    response = person.put(f"/customers/{old_customer.id}", changes)
    expected = changes | ({"email": "new@example.com"} if "email" in changes else {})
    after = without_version(left.row(customers, old_customer.id))
    assert response.status_code == 200
    assert after.pop("updated_at") > LONG_AGO == before.pop("updated_at")
    assert after == before | expected
    assert {name: response.json[name] for name in ("name", "email", "phone")} == {
        name: after[name] for name in ("name", "email", "phone")
    }
    assert person.get(f"/customers/{old_customer.id}").json == response.json


@pytest.mark.parametrize("by", ["customer", "staff", "admin"])
def test_empty_update_changes_nothing(request, old_customer, left, by):
    person = request.getfixturevalue(by)
    before = without_version(left.row(customers, old_customer.id))
    before_update = person.get(f"/customers/{old_customer.id}")
    response = person.put(f"/customers/{old_customer.id}", {})
    assert response.status_code == 200
    assert response.data == before_update.data
    assert response.headers["ETag"] == before_update.headers["ETag"]
    assert without_version(left.row(customers, old_customer.id)) == before
    assert old_customer.get(f"/customers/{old_customer.id}").status_code == 200


def test_update_to_the_current_values_changes_nothing(old_customer, left):
    before = without_version(left.row(customers, old_customer.id))
    same = {"name": f" {old_customer.record['name']} ", "email": old_customer.record["email"].upper()}
    assert old_customer.put(f"/customers/{old_customer.id}", same).status_code == 200
    assert without_version(left.row(customers, old_customer.id)) == before


@pytest.mark.parametrize("field", ["id", "updated_at", "deleted_at", "version", "token_version", "role", "x"])
def test_update_of_unknown_and_read_only_fields_is_422(customer, admin, unchanged, field):
    for person in (customer, admin):
        with unchanged():
            response = person.put(f"/customers/{customer.id}", {"name": "New Name", field: -1})
        assert response.status_code == 422
        assert list(response.json["errors"]) == [field]


def test_update_to_a_taken_email_in_any_case_is_409(customer, make, unchanged):
    other = make.customer()
    with unchanged():
        response = customer.put(f"/customers/{customer.id}", {"name": "New Name", "email": other.record["email"].upper()})
    assert response.status_code == 409
    assert response.json["errors"] == {"email": ["is taken"]}


# ---------------------------------------------------------------- the password
@pytest.mark.parametrize("by", ["customer", "admin"])
def test_customer_and_admin_can_set_the_password(request, customer, anyone, left, by):
    person = request.getfixturevalue(by)
    before = left.row(customers, customer.id)
    response = person.put(f"/customers/{customer.id}", {"password": NEW})
    after = left.row(customers, customer.id)
    assert response.status_code == 200
    assert NEW not in response.text
    assert after.password_hash not in response.text
    assert verify_password(NEW, after.password_hash)
    assert (after.name, after.email, after.phone) == (before.name, before.email, before.phone)
    email = customer.record["email"]
    assert anyone.post("/customers/login", {"email": email, "password": PASSWORD}).status_code == 401
    assert anyone.post("/customers/login", {"email": email, "password": NEW}).status_code == 200


def test_mechanic_cannot_set_a_password_of_any_customer_id(customer, staff, unchanged):
    with unchanged():
        responses = [
            staff.put(f"/customers/{customer_id}", {"name": "New Name", "password": NEW})
            for customer_id in (customer.id, 999_999)
        ]
    assert [response.status_code for response in responses] == [403, 403]
    assert responses[0].data == responses[1].data


def test_customer_cannot_see_change_or_delete_another_customer(customer, make, unchanged):
    other = make.customer()
    with unchanged():
        assert customer.get(f"/customers/{other.id}").status_code == 404
        assert customer.put(f"/customers/{other.id}", {"name": "New Name"}).status_code == 404
        assert customer.put(f"/customers/{other.id}", {"password": NEW}).status_code == 404
        assert customer.delete(f"/customers/{other.id}").status_code == 404
        assert customer.get("/customers").status_code == 403


@pytest.mark.parametrize("customer_id", ["0", "01", "-1", "1.0", "x", "9" * 10, "9" * 30, "%D9%A1", "1%00"])
def test_malformed_id_is_404(admin, unchanged, customer_id):
    with unchanged():
        responses = [admin.open(method, f"/customers/{customer_id}", json={}) for method in ("GET", "PUT", "DELETE")]
    assert [response.status_code for response in responses] == [404, 404, 404]
    assert {response.mimetype for response in responses} == {"application/problem+json"}
