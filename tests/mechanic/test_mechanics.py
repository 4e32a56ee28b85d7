"""Reading, changing and deleting mechanics: `/mechanics` and `/mechanics/<id>`."""

import pytest

from app.models import mechanics
from app.utils.auth.passwords import verify_password
from tests.support.environment import PASSWORD

PUBLIC = ["id", "name", "email", "phone", "role"]
NEW = "a new password of mine"


def row_of(left, person):
    """Return the row of a mechanic without its version, and without what follows from the others."""
    row = left.row(mechanics, person.id)._asdict()
    return {name: value for name, value in row.items() if name not in ("version", "search")}


# ---------------------------------------------------------------- reading
def test_salary_is_shown_to_admins_and_to_the_mechanic_only(make, staff, admin):
    """Other readers do not even get null. In a list, the rule applies to each record."""
    other = make.mechanic(salary_cents=5_123_450)
    assert list(staff.get(f"/mechanics/{other.id}").json) == PUBLIC
    assert list(staff.get(f"/mechanics/{admin.id}").json) == PUBLIC
    assert staff.get(f"/mechanics/{staff.id}").json["salary"] == 40_000
    assert admin.get(f"/mechanics/{other.id}").json["salary"] == 51_234.5
    by_staff, by_admin = (person.get("/mechanics").json for person in (staff, admin))
    assert {record["id"]: record.get("salary", "hidden") for record in by_staff} == {
        admin.id: "hidden",
        staff.id: 40_000,
        other.id: "hidden",
    }
    assert {record["id"]: record["salary"] for record in by_admin} == {admin.id: 0, staff.id: 40_000, other.id: 51_234.5}


def test_mechanics_are_listed_by_ascending_id(make, staff, admin):
    ids = sorted([admin.id, staff.id, make.mechanic().id, make.admin().id])
    for person in (staff, admin):
        response = person.get("/mechanics")
        assert response.status_code == 200
        assert [record["id"] for record in response.json] == ids
        assert response.headers["X-Total-Count"] == "4"


@pytest.mark.parametrize("q", ["wrench", "WRENCH", "max.w", "(0)40"])
def test_search_matches_name_email_and_phone(make, staff, q):
    mechanic = make.mechanic(name="Max Wrench", email="max.w@example.com", phone="+49 (0)40 555")
    response = staff.get("/mechanics", query_string={"q": q})
    assert [record["id"] for record in response.json] == [mechanic.id]


@pytest.mark.parametrize("q", ["admin", "40000", "4000000", "%", "argon2"])
def test_search_does_not_match_role_salary_or_hash(make, staff, q):
    make.mechanic()
    assert staff.get("/mechanics", query_string={"q": q}).json == []


# ---------------------------------------------------------------- changing
@pytest.mark.parametrize(
    "changes",
    [
        {"name": "New Name"},
        {"email": "New@Example.com"},
        {"phone": "+1 555 0199"},
        {"name": "New Name", "email": "new@example.com", "phone": "555.0199"},
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("by", ["staff", "admin"])
def test_update_changes_only_the_given_fields(request, staff, left, backdate, by, changes):
    person = request.getfixturevalue(by)
    backdate(mechanics, staff)
    before = row_of(left, staff)
    response = person.put(f"/mechanics/{staff.id}", changes)
    expected = changes | ({"email": "new@example.com"} if "email" in changes else {})
    after = row_of(left, staff)
    assert response.status_code == 200
    assert after.pop("updated_at") > before.pop("updated_at")
    assert after == before | expected
    assert response.json == {name: after[name] for name in PUBLIC} | {"salary": 40_000}
    assert person.get(f"/mechanics/{staff.id}").json == response.json


def test_admin_can_change_salary_and_role(staff, admin, left):
    response = admin.put(f"/mechanics/{staff.id}", {"salary": 50_000.5, "role": "admin"})
    assert response.status_code == 200
    assert (response.json["salary"], response.json["role"]) == (50_000.5, "admin")
    assert (row_of(left, staff)["salary_cents"], row_of(left, staff)["role"]) == (5_000_050, "admin")


@pytest.mark.parametrize("by", ["staff", "admin"])
def test_empty_update_changes_nothing(request, staff, left, backdate, by):
    person = request.getfixturevalue(by)
    backdate(mechanics, staff)
    before, response_before = row_of(left, staff), person.get(f"/mechanics/{staff.id}")
    response = person.put(f"/mechanics/{staff.id}", {})
    assert response.status_code == 200
    assert response.data == response_before.data
    assert row_of(left, staff) == before
    assert staff.get(f"/mechanics/{staff.id}").status_code == 200, "the token was revoked"


@pytest.mark.parametrize("changes", [{"salary": 99_999}, {"role": "admin"}, {"salary": 40_000, "role": "admin"}])
def test_mechanic_cannot_change_their_own_salary_or_role(staff, unchanged, changes):
    with unchanged():
        response = staff.put(f"/mechanics/{staff.id}", {"name": "New Name"} | changes)
    assert response.status_code == 403
    assert response.json["title"] == "Forbidden"


@pytest.mark.parametrize("changes", [{}, {"name": "New Name"}, {"password": NEW}, {"salary": 1}, {"role": "mechanic"}])
def test_mechanic_cannot_change_another_mechanic(staff, make, admin, unchanged, changes):
    other = make.mechanic()
    with unchanged():
        responses = [staff.put(f"/mechanics/{number}", changes) for number in (other.id, admin.id, 999_999)]
    assert [response.status_code for response in responses] == [404] * 3
    assert responses[0].data == responses[1].data == responses[2].data


@pytest.mark.parametrize("by", ["staff", "admin"])
def test_mechanic_and_admin_can_set_the_password(request, staff, anyone, left, by):
    response = request.getfixturevalue(by).put(f"/mechanics/{staff.id}", {"password": NEW})
    row = left.row(mechanics, staff.id)
    assert response.status_code == 200
    assert verify_password(NEW, row.password_hash)
    assert NEW not in response.text
    assert row.password_hash not in response.text
    email = staff.record["email"]
    assert anyone.post("/mechanics/login", {"email": email, "password": PASSWORD}).status_code == 401
    assert anyone.post("/mechanics/login", {"email": email, "password": NEW}).status_code == 200


def test_update_to_a_taken_email_in_any_case_is_409(staff, admin, make, unchanged):
    other = make.mechanic()
    for person in (staff, admin):
        with unchanged():
            response = person.put(f"/mechanics/{staff.id}", {"name": "New Name", "email": other.record["email"].upper()})
        assert response.status_code == 409
        assert response.json["errors"] == {"email": ["is taken"]}


@pytest.mark.parametrize("changes", [{"phone": None}, {"salary": None}, {"password": None}, {"role": None}, {"id": 7}])
def test_null_or_read_only_field_is_422(staff, admin, unchanged, changes):
    with unchanged():
        response = admin.put(f"/mechanics/{staff.id}", {"name": "New Name"} | changes)
    assert response.status_code == 422
    assert list(response.json["errors"]) == list(changes)


# ---------------------------------------------------------------- roles
def test_permissions_follow_a_change_of_role(staff, admin, anyone):
    credentials = {"email": staff.record["email"], "password": PASSWORD}
    for role, status in (("admin", 200), ("mechanic", 403)):
        assert admin.put(f"/mechanics/{staff.id}", {"role": role}).status_code == 200
        assert staff.get("/mechanics").status_code == 401, "the token of the old role is still accepted"
        staff.token = anyone.post("/mechanics/login", credentials).json["token"]
        assert staff.put(f"/mechanics/{staff.id}", {"salary": 1 + status}).status_code == status


@pytest.mark.parametrize("changes", [{"role": "mechanic"}, {"name": "New Name", "salary": 1, "role": "mechanic"}])
def test_last_admin_cannot_be_demoted(admin, staff, unchanged, changes):
    with unchanged():
        response = admin.put(f"/mechanics/{admin.id}", changes)
    assert response.status_code == 409
    assert response.json["detail"] == "The last admin can be neither deleted nor demoted."
    assert admin.get("/mechanics").status_code == 200


def test_last_admin_cannot_be_deleted(admin, staff, unchanged):
    with unchanged():
        response = admin.delete(f"/mechanics/{admin.id}")
    assert response.status_code == 409
    assert response.json["detail"] == "The last admin can be neither deleted nor demoted."


def test_last_admin_can_be_changed_otherwise(admin, left):
    response = admin.put(f"/mechanics/{admin.id}", {"name": "New Name", "role": "admin", "salary": 70_000})
    assert response.status_code == 200
    assert row_of(left, admin)["name"] == "New Name"
    assert admin.get("/mechanics").status_code == 200


def test_deleted_and_demoted_admins_do_not_count(admin, make, unchanged):
    deleted, demoted = make.admin(), make.admin()
    assert admin.delete(f"/mechanics/{deleted.id}").status_code == 204
    assert admin.put(f"/mechanics/{demoted.id}", {"role": "mechanic"}).status_code == 200
    with unchanged():
        assert admin.delete(f"/mechanics/{admin.id}").status_code == 409
        assert admin.put(f"/mechanics/{admin.id}", {"role": "mechanic"}).status_code == 409


@pytest.mark.parametrize("by", ["oneself", "another"])
def test_admin_can_be_deleted_or_demoted_if_another_remains(make, admin, left, by):
    first, second = make.admin(), make.admin()
    assert (first if by == "oneself" else admin).delete(f"/mechanics/{first.id}").status_code == 204
    changed = (second if by == "oneself" else admin).put(f"/mechanics/{second.id}", {"role": "mechanic"})
    assert (changed.status_code, changed.json["role"]) == (200, "mechanic")
    assert row_of(left, first)["deleted_at"] is not None
