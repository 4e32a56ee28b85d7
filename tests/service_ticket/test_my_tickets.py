"""«GET /tickets/my-tickets»: a customer's own; for staff, those they are assigned to."""

import pytest


def shown(person, query=""):
    """The ids of a person's tickets, as they are listed."""
    answer = person.get(f"/tickets/my-tickets{query}")
    assert answer.status_code == 200
    return [ticket["id"] for ticket in answer.json]


@pytest.mark.parametrize("role", ["customer", "mechanic", "admin"])
def test_who_has_no_tickets_gets_an_empty_list(make, role):
    """«an empty list where there are none»; other people's are not shown."""
    make.ticket(mechanic_ids=[make.mechanic().id])
    answer = getattr(make, role)().get("/tickets/my-tickets")
    assert (answer.status_code, answer.json) == (200, [])


def test_a_customer_sees_their_own_newest_first(customer, staff, make):
    """By descending service date and id, and each as `GET /tickets/<id>` shows it."""
    days = ("2026-01-02", "2026-01-01", "2026-01-02")
    first, oldest, second = (make.ticket(customer_id=customer.id, service_date=day) for day in days)
    make.ticket()
    assert shown(customer) == [second.id, first.id, oldest.id]
    assert customer.get("/tickets/my-tickets").json[0] == staff.get(f"/tickets/{second.id}").json


@pytest.mark.parametrize("role", ["mechanic", "admin"])
def test_staff_see_what_they_are_assigned_to(make, role):
    """Not what they opened, nor what is a customer's with the same id; it follows each assignment."""
    person = getattr(make, role)()
    theirs = make.ticket(mechanic_ids=[person.id, make.mechanic().id])
    other = make.ticket(mechanic_ids=[make.mechanic().id])
    assert shown(person) == [theirs.id]
    person.put(f"/tickets/{other.id}/mechanics", json={"add_mechanic_ids": [person.id]})
    assert shown(person) == [other.id, theirs.id]
    person.delete(f"/tickets/{theirs.id}/mechanics/{person.id}")
    assert shown(person) == [other.id]


def test_the_list_is_walked_by_page_and_by_the_last_one_seen(customer, make):
    """As every list: `page`, `per_page` and `after`, also after one that was deleted since."""
    tickets = [make.ticket(customer_id=customer.id) for _ in range(5)]
    newest = [ticket.id for ticket in reversed(tickets)]
    assert shown(customer, "?per_page=2&page=2") == newest[2:4]
    assert shown(customer, "?per_page=2&page=9") == []
    assert shown(customer, f"?after={newest[1]}&per_page=2") == newest[2:4]
    make.boss.delete(f"/tickets/{newest[1]}")
    assert shown(customer, f"?after={newest[1]}&per_page=2") == newest[2:4]
    assert customer.get("/tickets/my-tickets?page=1").headers["X-Total-Count"] == "4"


@pytest.mark.parametrize("whose", ["another's", "nobody's"])
def test_a_customer_does_not_learn_of_others_by_after(customer, make, whose):
    """Another's ticket is the same as one that never was: 422."""
    make.ticket(customer_id=customer.id)
    after = make.ticket().id if whose == "another's" else 2_147_483_647
    answer = customer.get(f"/tickets/my-tickets?after={after}")
    assert answer.status_code == 422
    assert answer.json["errors"] == {"after": ["names no record of this list"]}
