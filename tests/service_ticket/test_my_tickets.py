"""«GET /tickets/my-tickets»: a customer's own; for staff, those they are assigned to."""

import pytest
from sqlalchemy import select

from app.models import ticket_mechanics


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


def test_a_ticket_moves_in_its_mechanics_lists_with_its_date(staff, make, engine):
    """For everybody on it, in every form of the list; another change of it moves nothing."""
    ann, bob = make.mechanic(), make.mechanic()
    day, crew = "2026-01-{:02}".format, [ann.id, bob.id]
    first, second, third = (make.ticket(service_date=day(number), mechanic_ids=crew) for number in (1, 2, 3))
    assert shown(ann) == [third.id, second.id, first.id]
    changes = {"2026-01-04": [first, third, second], "2025-12-31": [third, second, first], "2026-01-02": [third, second, first]}
    for date, order in changes.items():
        assert staff.put(f"/tickets/{first.id}", {"service_date": date}).status_code == 200
        assert staff.put(f"/tickets/{first.id}", {"description": f"Wash on {date}"}).status_code == 200
        ids = [ticket.id for ticket in order]
        for person in (ann, bob):
            assert shown(person) == ids
            assert shown(person, f"?after={ids[0]}") == ids[1:]
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
        for _ in crew
    ]


def test_who_comes_on_a_ticket_later_finds_it_by_its_date(staff, make):
    ann = make.mechanic()
    newer, older = (make.ticket(service_date=date) for date in ("2026-01-02", "2026-01-01"))
    for ticket in (newer, older):
        staff.put(f"/tickets/{ticket.id}/mechanics", {"mechanic_ids": [ann.id]})
    assert shown(ann) == [newer.id, older.id]


def test_a_mechanics_list_goes_on_after_a_ticket_that_is_no_longer_theirs(staff, make):
    """Whether they were taken off it, it was deleted, or it never was theirs."""
    ann = make.mechanic()
    tickets = [make.ticket(mechanic_ids=[ann.id]) for _ in range(4)]
    never = make.ticket()
    tickets += [make.ticket(mechanic_ids=[ann.id]) for _ in range(2)]
    newest = [ticket.id for ticket in reversed(tickets)]
    staff.delete(f"/tickets/{newest[0]}/mechanics/{ann.id}")
    staff.delete(f"/tickets/{newest[3]}")
    assert shown(ann, f"?after={newest[0]}&per_page=2") == newest[1:3]
    assert shown(ann, f"?after={never.id}") == [newest[2], *newest[4:]]
    assert shown(ann, f"?after={newest[3]}") == newest[4:]
    assert ann.get("/tickets/my-tickets?after=2147483647").status_code == 422
    assert ann.get("/tickets/my-tickets?page=1").headers["X-Total-Count"] == "4"


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
