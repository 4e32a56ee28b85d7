"""Reading, changing and listing customers: `/customers` and `/customers/<id>`."""

from datetime import datetime

import pytest
from sqlalchemy import update

from app.models import customers
from app.utils.auth.passwords import verify_password
from tests.conftest import PASSWORD

LONG_AGO = datetime(2020, 1, 1, 8)
SHOWN = ("id", "name", "email", "phone", "created_at")
NEW = "a new password of mine"


@pytest.fixture
def untouched(engine, customer):
    """A customer whose record was last written long ago."""
    with engine.begin() as connection:
        connection.execute(update(customers).values(created_at=LONG_AGO, updated_at=LONG_AGO))
    return customer


def without_version(row):
    """What a row holds, but for the counter that locks it."""
    return {name: value for name, value in row._asdict().items() if name != "version"}


# ---------------------------------------------------------------- reading
def test_a_customer_is_seen_by_themselves_and_by_staff_alike(untouched, staff, admin):
    expected = {name: untouched.record[name] for name in SHOWN[:4]} | {"created_at": "2020-01-01T08:00:00Z"}
    for person in (untouched, staff, admin):
        answer = person.get(f"/customers/{untouched.id}")
        assert answer.status_code == 200
        assert answer.json == expected
        assert list(answer.json) == list(SHOWN)


def test_staff_list_the_customers_by_ascending_id(make, staff, admin):
    ids = [make.customer().id for _ in range(3)]
    for person in (staff, admin):
        answer = person.get("/customers")
        assert answer.status_code == 200
        assert [record["id"] for record in answer.json] == sorted(ids)
        assert all(list(record) == list(SHOWN) for record in answer.json)
        assert answer.headers["X-Total-Count"] == "3"


@pytest.mark.parametrize("q", ["driver", "DRIVER", "ann.d", "ANN.D@", "(0)40", " driver "])
def test_a_search_looks_in_name_email_and_phone(make, staff, q):
    ann = make.customer(name="Ann Driver", email="ann.d@example.com", phone="+49 (0)40 555")
    make.customer(name="Bob", email="bob@example.com", phone=None)
    answer = staff.get("/customers", query_string={"q": q})
    assert [record["id"] for record in answer.json] == [ann.id]


@pytest.mark.parametrize("q", ["%", "_", "nobody", "\\", "argon2", "$"])
def test_a_search_takes_its_text_as_it_stands_and_looks_nowhere_else(make, staff, q):
    make.customer(name="Ann Driver", email="ann@example.com")
    answer = staff.get("/customers", query_string={"q": q})
    assert (answer.status_code, answer.json) == (200, [])


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
def test_any_subset_changes_and_what_is_left_out_stays(request, untouched, left, by, changes):
    person = request.getfixturevalue(by)
    before = without_version(left.row(customers, untouched.id))
    answer = person.put(f"/customers/{untouched.id}", changes)
    kept = changes | ({"email": "new@example.com"} if "email" in changes else {})
    after = without_version(left.row(customers, untouched.id))
    assert answer.status_code == 200
    assert after.pop("updated_at") > LONG_AGO == before.pop("updated_at")
    assert after == before | kept
    assert {name: answer.json[name] for name in ("name", "email", "phone")} == {
        name: after[name] for name in ("name", "email", "phone")
    }
    assert person.get(f"/customers/{untouched.id}").json == answer.json


@pytest.mark.parametrize("by", ["customer", "staff", "admin"])
def test_an_empty_change_changes_nothing(request, untouched, left, by):
    person = request.getfixturevalue(by)
    before = without_version(left.row(customers, untouched.id))
    shown = person.get(f"/customers/{untouched.id}")
    answer = person.put(f"/customers/{untouched.id}", {})
    assert answer.status_code == 200
    assert answer.data == shown.data
    assert answer.headers["ETag"] == shown.headers["ETag"]
    assert without_version(left.row(customers, untouched.id)) == before
    assert untouched.get(f"/customers/{untouched.id}").status_code == 200


def test_a_change_to_what_stands_there_changes_nothing(untouched, left):
    before = without_version(left.row(customers, untouched.id))
    same = {"name": f" {untouched.record['name']} ", "email": untouched.record["email"].upper()}
    assert untouched.put(f"/customers/{untouched.id}", same).status_code == 200
    assert without_version(left.row(customers, untouched.id)) == before


@pytest.mark.parametrize("field", ["id", "created_at", "updated_at", "deleted_at", "version", "token_version", "role", "x"])
def test_a_change_of_unknown_and_read_only_fields_is_refused(customer, admin, unchanged, field):
    for person in (customer, admin):
        with unchanged():
            answer = person.put(f"/customers/{customer.id}", {"name": "New Name", field: 1})
        assert answer.status_code == 422
        assert list(answer.json["errors"]) == [field]


def test_a_change_to_an_email_that_is_taken_in_any_case_is_409(customer, make, unchanged):
    other = make.customer()
    with unchanged():
        answer = customer.put(f"/customers/{customer.id}", {"name": "New Name", "email": other.record["email"].upper()})
    assert answer.status_code == 409
    assert answer.json["errors"] == {"email": ["is taken"]}


# ---------------------------------------------------------------- the password
@pytest.mark.parametrize("by", ["customer", "admin"])
def test_a_password_is_set_by_the_customer_or_an_admin(request, customer, anyone, left, by):
    person = request.getfixturevalue(by)
    before = left.row(customers, customer.id)
    answer = person.put(f"/customers/{customer.id}", {"password": NEW})
    after = left.row(customers, customer.id)
    assert answer.status_code == 200
    assert NEW not in answer.text
    assert after.password_hash not in answer.text
    assert verify_password(NEW, after.password_hash)
    assert (after.name, after.email, after.phone) == (before.name, before.email, before.phone)
    email = customer.record["email"]
    assert anyone.post("/customers/login", {"email": email, "password": PASSWORD}).status_code == 401
    assert anyone.post("/customers/login", {"email": email, "password": NEW}).status_code == 200


def test_a_mechanic_may_set_no_customers_password_whatever_the_id(customer, staff, unchanged):
    with unchanged():
        answers = [
            staff.put(f"/customers/{customer_id}", {"name": "New Name", "password": NEW})
            for customer_id in (customer.id, 999_999)
        ]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].data == answers[1].data


def test_a_customer_sees_changes_and_deletes_nobody_else(customer, make, unchanged):
    other = make.customer()
    with unchanged():
        assert customer.get(f"/customers/{other.id}").status_code == 404
        assert customer.put(f"/customers/{other.id}", {"name": "New Name"}).status_code == 404
        assert customer.put(f"/customers/{other.id}", {"password": NEW}).status_code == 404
        assert customer.delete(f"/customers/{other.id}").status_code == 404
        assert customer.get("/customers").status_code == 403


@pytest.mark.parametrize("customer_id", ["0", "01", "-1", "1.0", "x", "9" * 10, "9" * 30, "%D9%A1", "1%00"])
def test_an_id_that_names_nobody_is_404(admin, unchanged, customer_id):
    with unchanged():
        answers = [admin.open(method, f"/customers/{customer_id}", json={}) for method in ("GET", "PUT", "DELETE")]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert {answer.mimetype for answer in answers} == {"application/problem+json"}
