"""Reading, changing and letting go of mechanics: `/mechanics` and `/mechanics/<id>`."""

import pytest

from app.models import mechanics
from app.utils.auth.passwords import verify_password
from tests.conftest import PASSWORD

PUBLIC = ["id", "name", "email", "phone", "role"]
NEW = "a new password of mine"


def kept(left, person):
    """What the table holds of a mechanic, but for the counter that locks the row."""
    return {name: value for name, value in left.row(mechanics, person.id)._asdict().items() if name != "version"}


# ---------------------------------------------------------------- reading
def test_a_salary_is_shown_to_an_admin_and_to_oneself_only(make, staff, admin):
    """Not even as null to others; in a list each record by the same rule."""
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


def test_staff_list_the_mechanics_by_ascending_id(make, staff, admin):
    ids = sorted([admin.id, staff.id, make.mechanic().id, make.admin().id])
    for person in (staff, admin):
        answer = person.get("/mechanics")
        assert answer.status_code == 200
        assert [record["id"] for record in answer.json] == ids
        assert answer.headers["X-Total-Count"] == "4"


@pytest.mark.parametrize("q", ["wrench", "WRENCH", "max.w", "(0)40"])
def test_a_search_looks_in_name_email_and_phone(make, staff, q):
    found = make.mechanic(name="Max Wrench", email="max.w@example.com", phone="+49 (0)40 555")
    answer = staff.get("/mechanics", query_string={"q": q})
    assert [record["id"] for record in answer.json] == [found.id]


@pytest.mark.parametrize("q", ["admin", "40000", "4000000", "%", "argon2"])
def test_a_search_finds_nobody_by_role_salary_or_hash(make, staff, q):
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
def test_any_subset_changes_and_what_is_left_out_stays(request, staff, left, backdate, by, changes):
    person = request.getfixturevalue(by)
    backdate(mechanics, staff)
    before = kept(left, staff)
    answer = person.put(f"/mechanics/{staff.id}", changes)
    new = changes | ({"email": "new@example.com"} if "email" in changes else {})
    after = kept(left, staff)
    assert answer.status_code == 200
    assert after.pop("updated_at") > before.pop("updated_at")
    assert after == before | new
    assert answer.json == {name: after[name] for name in PUBLIC} | {"salary": 40_000}
    assert person.get(f"/mechanics/{staff.id}").json == answer.json


def test_an_admin_changes_salary_and_role(staff, admin, left):
    answer = admin.put(f"/mechanics/{staff.id}", {"salary": 50_000.5, "role": "admin"})
    assert answer.status_code == 200
    assert (answer.json["salary"], answer.json["role"]) == (50_000.5, "admin")
    assert (kept(left, staff)["salary_cents"], kept(left, staff)["role"]) == (5_000_050, "admin")


@pytest.mark.parametrize("by", ["staff", "admin"])
def test_an_empty_change_changes_nothing(request, staff, left, backdate, by):
    person = request.getfixturevalue(by)
    backdate(mechanics, staff)
    before, shown = kept(left, staff), person.get(f"/mechanics/{staff.id}")
    answer = person.put(f"/mechanics/{staff.id}", {})
    assert answer.status_code == 200
    assert answer.data == shown.data
    assert kept(left, staff) == before
    assert staff.get(f"/mechanics/{staff.id}").status_code == 200, "its token is as good as before"


@pytest.mark.parametrize("changes", [{"salary": 99_999}, {"salary": 40_000}, {"role": "admin"}, {"role": "mechanic"}])
def test_a_mechanic_may_not_change_their_own_salary_or_role(staff, unchanged, changes):
    with unchanged():
        answer = staff.put(f"/mechanics/{staff.id}", {"name": "New Name"} | changes)
    assert answer.status_code == 403
    assert answer.json["title"] == "Forbidden"


@pytest.mark.parametrize("changes", [{}, {"name": "New Name"}, {"password": NEW}, {"salary": 1}, {"role": "mechanic"}])
def test_another_mechanics_record_is_404_to_a_mechanic_who_would_change_it(staff, make, admin, unchanged, changes):
    other = make.mechanic()
    with unchanged():
        answers = [staff.put(f"/mechanics/{number}", changes) for number in (other.id, admin.id, 999_999)]
    assert [answer.status_code for answer in answers] == [404] * 3
    assert answers[0].data == answers[1].data == answers[2].data


@pytest.mark.parametrize("by", ["staff", "admin"])
def test_a_password_is_set_by_the_mechanic_or_an_admin(request, staff, anyone, left, by):
    answer = request.getfixturevalue(by).put(f"/mechanics/{staff.id}", {"password": NEW})
    row = left.row(mechanics, staff.id)
    assert answer.status_code == 200
    assert verify_password(NEW, row.password_hash)
    assert NEW not in answer.text
    assert row.password_hash not in answer.text
    email = staff.record["email"]
    assert anyone.post("/mechanics/login", {"email": email, "password": PASSWORD}).status_code == 401
    assert anyone.post("/mechanics/login", {"email": email, "password": NEW}).status_code == 200


def test_a_change_to_an_email_that_is_taken_in_any_case_is_409(staff, admin, make, unchanged):
    other = make.mechanic()
    for person in (staff, admin):
        with unchanged():
            answer = person.put(f"/mechanics/{staff.id}", {"name": "New Name", "email": other.record["email"].upper()})
        assert answer.status_code == 409
        assert answer.json["errors"] == {"email": ["is taken"]}


@pytest.mark.parametrize("changes", [{"phone": None}, {"salary": None}, {"password": None}, {"role": None}, {"id": 7}])
def test_what_can_not_be_null_or_written_is_422(staff, admin, unchanged, changes):
    with unchanged():
        answer = admin.put(f"/mechanics/{staff.id}", {"name": "New Name"} | changes)
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == list(changes)


# ---------------------------------------------------------------- roles
def test_who_becomes_an_admin_may_act_as_one_and_who_stops_may_not(staff, admin, anyone):
    credentials = {"email": staff.record["email"], "password": PASSWORD}
    for role, status in (("admin", 200), ("mechanic", 403)):
        assert admin.put(f"/mechanics/{staff.id}", {"role": role}).status_code == 200
        assert staff.get("/mechanics").status_code == 401, "the token of the old role has ended"
        staff.token = anyone.post("/mechanics/login", credentials).json["token"]
        assert staff.put(f"/mechanics/{staff.id}", {"salary": 1}).status_code == status


@pytest.mark.parametrize("changes", [{"role": "mechanic"}, {"name": "New Name", "salary": 1, "role": "mechanic"}])
def test_the_last_admin_can_not_be_demoted(admin, staff, unchanged, changes):
    with unchanged():
        answer = admin.put(f"/mechanics/{admin.id}", changes)
    assert answer.status_code == 409
    assert answer.json["detail"] == "The last admin can be neither deleted nor demoted."
    assert admin.get("/mechanics").status_code == 200


def test_the_last_admin_can_not_be_deleted(admin, staff, unchanged):
    with unchanged():
        answer = admin.delete(f"/mechanics/{admin.id}")
    assert answer.status_code == 409
    assert answer.json["detail"] == "The last admin can be neither deleted nor demoted."


def test_the_last_admin_may_still_be_changed_otherwise(admin, left):
    answer = admin.put(f"/mechanics/{admin.id}", {"name": "New Name", "role": "admin", "salary": 70_000})
    assert answer.status_code == 200
    assert kept(left, admin)["name"] == "New Name"
    assert admin.get("/mechanics").status_code == 200


def test_an_admin_who_was_deleted_or_demoted_is_not_counted(admin, make, unchanged):
    gone, demoted = make.admin(), make.admin()
    assert admin.delete(f"/mechanics/{gone.id}").status_code == 204
    assert admin.put(f"/mechanics/{demoted.id}", {"role": "mechanic"}).status_code == 200
    with unchanged():
        assert admin.delete(f"/mechanics/{admin.id}").status_code == 409
        assert admin.put(f"/mechanics/{admin.id}", {"role": "mechanic"}).status_code == 409


@pytest.mark.parametrize("by", ["oneself", "another"])
def test_one_of_two_admins_can_be_deleted_or_demoted(make, admin, left, by):
    first, second = make.admin(), make.admin()
    assert (first if by == "oneself" else admin).delete(f"/mechanics/{first.id}").status_code == 204
    changed = (second if by == "oneself" else admin).put(f"/mechanics/{second.id}", {"role": "mechanic"})
    assert (changed.status_code, changed.json["role"]) == (200, "mechanic")
    assert kept(left, first)["deleted_at"] is not None
