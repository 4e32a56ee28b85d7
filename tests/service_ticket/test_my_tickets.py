"""`GET /tickets/my-tickets`: the tickets of a customer, or those that a mechanic is assigned to."""

import pytest
from sqlalchemy import select

from app.models import ticket_mechanics


def listed_ids(person, query=""):
    """Return the ids of a person's tickets, in the order of the list."""
    response = person.get(f"/tickets/my-tickets{query}")
    assert response.status_code == 200
    return [ticket["id"] for ticket in response.json]


@pytest.mark.parametrize("role", ["customer", "mechanic", "admin"])
def test_list_without_own_tickets_is_empty(make, role):
    """Tickets of others are not shown."""
    make.ticket(mechanic_ids=[make.mechanic().id])
    response = getattr(make, role)().get("/tickets/my-tickets")
    assert (response.status_code, response.json) == (200, [])


def test_customer_lists_own_tickets_newest_first(customer, staff, make):
    """By descending service date and id, each as `GET /tickets/<id>` shows it."""
    days = ("2026-01-02", "2026-01-01", "2026-01-02")
    first, oldest, second = (make.ticket(customer_id=customer.id, service_date=day) for day in days)
    make.ticket()
    assert listed_ids(customer) == [second.id, first.id, oldest.id]
    assert customer.get("/tickets/my-tickets").json[0] == staff.get(f"/tickets/{second.id}").json


@pytest.mark.parametrize("role", ["mechanic", "admin"])
def test_staff_list_assigned_tickets(make, role):
    """Neither tickets that they opened, nor those of a customer with the same id. The list follows each assignment."""
    person = getattr(make, role)()
    assigned = make.ticket(mechanic_ids=[person.id, make.mechanic().id])
    other = make.ticket(mechanic_ids=[make.mechanic().id])
    assert listed_ids(person) == [assigned.id]
    person.put(f"/tickets/{other.id}/mechanics", json={"add_mechanic_ids": [person.id]})
    assert listed_ids(person) == [other.id, assigned.id]
    person.delete(f"/tickets/{assigned.id}/mechanics/{person.id}")
    assert listed_ids(person) == [other.id]


def test_order_follows_a_change_of_the_service_date(staff, make, engine):
    """For each assigned mechanic and in every form of the list. Another change does not affect the order."""
    ann, bob = make.mechanic(), make.mechanic()
    day, mechanic_ids = "2026-01-{:02}".format, [ann.id, bob.id]
    first, second, third = (make.ticket(service_date=day(number), mechanic_ids=mechanic_ids) for number in (1, 2, 3))
    assert listed_ids(ann) == [third.id, second.id, first.id]
    changes = {"2026-01-04": [first, third, second], "2025-12-31": [third, second, first], "2026-01-02": [third, second, first]}
    for date, order in changes.items():
        assert staff.put(f"/tickets/{first.id}", {"service_date": date}).status_code == 200
        assert staff.put(f"/tickets/{first.id}", {"description": f"Wash on {date}"}).status_code == 200
        ids = [ticket.id for ticket in order]
        for person in (ann, bob):
            assert listed_ids(person) == ids
            assert listed_ids(person, f"?after={ids[0]}") == ids[1:]
        of_ann = staff.get(f"/tickets?mechanic_id={ann.id}&from={date}&to={date}").json
        assert first.id in [ticket["id"] for ticket in of_ann]
        assert {ticket["service_date"] for ticket in of_ann} == {date}
        lines = staff.get(f"/tickets.csv?mechanic_id={bob.id}").text.splitlines()[1:]
        assert [int(line.partition(",")[0]) for line in lines] == ids
    with engine.connect() as connection:
        days = connection.execute(select(ticket_mechanics.c.ticket_id, ticket_mechanics.c.service_date)).all()
    assert sorted((number, str(date)) for number, date in days) == [
        (ticket.id, date)
        for ticket, date in ((first, "2026-01-02"), (second, "2026-01-02"), (third, "2026-01-03"))
        for _ in mechanic_ids
    ]


def test_later_assignment_is_ordered_by_the_service_date(staff, make):
    ann = make.mechanic()
    newer, older = (make.ticket(service_date=date) for date in ("2026-01-02", "2026-01-01"))
    for ticket in (newer, older):
        staff.put(f"/tickets/{ticket.id}/mechanics", {"mechanic_ids": [ann.id]})
    assert listed_ids(ann) == [newer.id, older.id]


def test_after_accepts_a_ticket_that_is_not_assigned(staff, make):
    """The mechanic was removed, the ticket was deleted, or it never was assigned."""
    ann = make.mechanic()
    tickets = [make.ticket(mechanic_ids=[ann.id]) for _ in range(4)]
    never_assigned = make.ticket()
    tickets += [make.ticket(mechanic_ids=[ann.id]) for _ in range(2)]
    newest = [ticket.id for ticket in reversed(tickets)]
    staff.delete(f"/tickets/{newest[0]}/mechanics/{ann.id}")
    staff.delete(f"/tickets/{newest[3]}")
    assert listed_ids(ann, f"?after={newest[0]}&per_page=2") == newest[1:3]
    assert listed_ids(ann, f"?after={never_assigned.id}") == [newest[2], *newest[4:]]
    assert listed_ids(ann, f"?after={newest[3]}") == newest[4:]
    assert ann.get("/tickets/my-tickets?after=2147483647").status_code == 422
    assert ann.get("/tickets/my-tickets?page=1").headers["X-Total-Count"] == "4"


def test_list_is_paginated_by_page_and_by_after(customer, make):
    """Also after a ticket that has since been deleted."""
    tickets = [make.ticket(customer_id=customer.id) for _ in range(5)]
    newest = [ticket.id for ticket in reversed(tickets)]
    assert listed_ids(customer, "?per_page=2&page=2") == newest[2:4]
    assert listed_ids(customer, "?per_page=2&page=9") == []
    assert listed_ids(customer, f"?after={newest[1]}&per_page=2") == newest[2:4]
    make.boss.delete(f"/tickets/{newest[1]}")
    assert listed_ids(customer, f"?after={newest[1]}&per_page=2") == newest[2:4]
    assert customer.get("/tickets/my-tickets?page=1").headers["X-Total-Count"] == "4"


@pytest.mark.parametrize("ticket", ["another customer's", "unknown"])
def test_after_another_customers_ticket_is_like_an_unknown_id(customer, make, ticket):
    """422 for both, so that a customer can't find out which ids exist."""
    make.ticket(customer_id=customer.id)
    after = make.ticket().id if ticket == "another customer's" else 2_147_483_647
    response = customer.get(f"/tickets/my-tickets?after={after}")
    assert response.status_code == 422
    assert response.json["errors"] == {"after": ["must be the id of a record of this list"]}
