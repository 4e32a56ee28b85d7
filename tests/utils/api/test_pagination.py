"""«Lists»: every list is walked by page and by ``after``, in its order, and each record is seen once."""

import re
from itertools import chain
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest

from app.utils.api import pagination

LISTS = ["customers", "mechanics", "inventory", "tickets", "own tickets", "assigned tickets", "movements"]
DAYS = ["2026-11-24", "2026-11-20", "2026-11-24", "2026-11-30", "2026-11-24"]


class Walked:
    """A list with records in it: who asks for it and where, how one is added and deleted, and the ids in their order."""

    def __init__(self, name, make, engine):
        self.make, self.who, self.name = make, make.mechanic() if name != "customers" else make.boss, name
        self.paths = {"own tickets": "/tickets/my-tickets", "assigned tickets": "/tickets/my-tickets"}
        self.owner = self.part = None
        if name == "own tickets":
            self.who = self.owner = make.customer()
        elif name == "movements":
            self.part = make.part(quantity=0)
            self.paths["movements"] = f"/inventory/{self.part.id}/movements"
        self.days = {}
        self.ids = {make.boss.id, self.who.id} if name == "mechanics" else set()

    @property
    def path(self):
        return self.paths.get(self.name, f"/{self.name}")

    def add(self, number=0):
        """Add a record; a ticket's day is one of a few, so that many are equal."""
        if self.name in ("customers", "mechanics", "inventory"):
            kinds = {"customers": self.make.customer, "mechanics": self.make.mechanic, "inventory": self.make.part}
            new = kinds[self.name]().id
        elif self.name == "movements":
            path = f"/inventory/{self.part.id}"
            quantity = self.who.get(path).json["quantity"]
            self.who.put(path, json={"quantity": quantity + 1})
            new = self.who.get(f"{path}/movements?per_page=1").json[0]["id"]
        else:
            given = {"customer_id": self.owner.id} if self.owner else {}
            given |= {"mechanic_ids": [self.who.id]} if self.name == "assigned tickets" else {}
            new = self.make.ticket(service_date=DAYS[number % len(DAYS)], **given).id
            self.days[new] = DAYS[number % len(DAYS)]
        self.ids.add(new)
        return new

    def delete(self, number):
        base = "/tickets" if "tickets" in self.path else self.path
        assert self.make.boss.delete(f"{base}/{number}").status_code == 204
        self.ids.discard(number)

    def in_order(self):
        """By ascending id, but tickets by descending service date and id, and movements newest first."""
        if self.days:
            return sorted(self.ids, key=lambda each: (self.days[each], each), reverse=True)
        return sorted(self.ids, reverse=self.name == "movements")


@pytest.fixture(params=LISTS)
def walked(request, make, engine):
    """A list of eleven records or a few more."""
    found = Walked(request.param, make, engine)
    for number in range(11):
        found.add(number)
    return found


def links_of(answer):
    """The Link header: relation → path reference."""
    return {rel: path for path, rel in re.findall(r'<([^>]*)>; rel="(\w+)"', answer.headers.get("Link", ""))}


def ids_of(answer):
    assert answer.status_code == 200, answer.text
    return [record["id"] for record in answer.json]


def walk(who, path):
    """The ids of every page, following ``next`` to the end."""
    pages = []
    while path:
        answer = who.get(path)
        pages.append(ids_of(answer))
        path = links_of(answer).get("next")
        assert path is None or path.startswith("/")
    return pages


def flat(pages):
    return list(chain.from_iterable(pages))


def test_pages_show_each_record_once_in_order(walked):
    pages = walk(walked.who, f"{walked.path}?page=1&per_page=5")
    assert flat(pages) == walked.in_order()
    assert [len(page) for page in pages[:-1]] == [5] * (len(pages) - 1)
    assert len(pages) == -(-len(walked.ids) // 5)


def test_after_shows_each_record_once_in_order(walked):
    first = walked.in_order()[0]
    pages = walk(walked.who, f"{walked.path}?after={first}&per_page=4")
    assert [first, *flat(pages)] == walked.in_order()
    assert [len(page) for page in pages[:-1]] == [4] * (len(pages) - 1)
    answer = walked.who.get(f"{walked.path}?after={walked.in_order()[-1]}")
    assert (answer.status_code, answer.json, links_of(answer)) == (200, [], {})
    assert "X-Total-Count" not in answer.headers


def test_a_page_says_where_the_others_are(walked):
    path, total = walked.path, len(walked.ids)
    last = -(-total // 5)
    answer = walked.who.get(f"{path}?page=2&per_page=5")
    assert answer.headers["X-Total-Count"] == str(total)
    links = links_of(answer)
    asked = {rel: {key: int(value[0]) for key, value in parse_qs(urlsplit(link).query).items()} for rel, link in links.items()}
    pages = {"first": 1, "prev": 1, "next": 3, "last": last}
    assert asked == {rel: {"page": page, "per_page": 5} for rel, page in pages.items()}
    assert {urlsplit(link)[:3] for link in links.values()} == {("", "", path)}
    assert ids_of(walked.who.get(links["last"])) == walked.in_order()[(last - 1) * 5 :]
    assert {"first", "last"} <= links_of(walked.who.get(links["first"])).keys()
    assert "prev" not in links_of(walked.who.get(links["first"]))
    assert "next" not in links_of(walked.who.get(links["last"]))


def test_the_first_page_is_shown_unless_asked_otherwise(walked):
    answer = walked.who.get(walked.path)
    assert ids_of(answer) == walked.in_order()[:20]
    assert answer.headers["X-Total-Count"] == str(len(walked.ids))
    assert answer.data == walked.who.get(f"{walked.path}?page=1&per_page=20").data
    assert ids_of(walked.who.get(f"{walked.path}?per_page=100")) == walked.in_order()
    assert ids_of(walked.who.get(f"{walked.path}?per_page=1")) == walked.in_order()[:1]


def test_a_page_past_the_end_is_empty(walked):
    for page in (5, 10**9, 10**17):
        answer = walked.who.get(f"{walked.path}?page={page}&per_page=5")
        assert (answer.status_code, answer.json) == (200, [])
        assert answer.headers["X-Total-Count"] == str(len(walked.ids))
        assert links_of(answer).keys() == {"first", "prev", "last"}
        assert ids_of(walked.who.get(links_of(answer)["prev"])) == walked.in_order()[-(len(walked.ids) % 5 or 5) :]


def test_after_goes_on_where_records_come_and_go_meanwhile(walked):
    """None is shown twice or left out, though the last one seen is deleted, and others are added before and behind."""
    answer = walked.who.get(f"{walked.path}?per_page=4")
    seen = ids_of(answer)
    before = walked.in_order()
    if walked.name != "movements":  # The ledger is never shortened.
        for gone in (seen[-1], seen[0], before[6]):
            if not (walked.name == "mechanics" and gone in (walked.make.boss.id, walked.who.id)):
                walked.delete(gone)
    for number in range(3):
        walked.add(number)
    rest = flat(walk(walked.who, f"{walked.path}?after={seen[-1]}&per_page=3"))
    after = walked.in_order()
    expected = [each for each in after if each not in seen]
    if walked.name == "movements":
        expected = [each for each in expected if each in before]
    if walked.days:
        place = (walked.days[seen[-1]], seen[-1])
        expected = [each for each in expected if (walked.days[each], each) < place]
    assert rest == expected


def test_after_one_that_never_was_is_422(walked, unchanged):
    with unchanged():
        answer = walked.who.get(f"{walked.path}?after={max(walked.ids) + 5000}")
    assert (answer.status_code, list(answer.json["errors"])) == (422, ["after"])


BAD_PLACES = {
    "per_page": ["per_page=101", "per_page=0", "per_page=-1", "per_page=", "per_page=x"],
    "page": ["page=0", "page=-1", "page=1.5", "page=" + "9" * 30],
    "after": ["after=0", "after=x", "page=1&after=1"],
}


def test_a_bad_value_is_422(walked, unchanged):
    """More than 100 on a page, no page, or both ways at once."""
    with unchanged():
        for field, queries in BAD_PLACES.items():
            for query in queries:
                answer = walked.who.get(f"{walked.path}?{query}")
                assert (answer.status_code, list(answer.json["errors"])) == (422, [field]), query


def test_after_someone_elses_ticket_is_as_after_one_that_never_was(make):
    """A customer can't find out which ids there are."""
    mine, others = make.customer(), make.ticket()
    make.ticket(customer_id=mine.id)
    theirs = mine.get(f"/tickets/my-tickets?after={others.id}")
    none = mine.get(f"/tickets/my-tickets?after={others.id + 5000}")
    assert (theirs.status_code, theirs.data) == (422, none.data)


def test_after_a_movement_of_another_part_is_422(staff, make):
    mine, other = make.part(), make.part()
    movement = staff.get(f"/inventory/{other.id}/movements").json[0]["id"]
    assert staff.get(f"/inventory/{mine.id}/movements?after={movement}").status_code == 422


@pytest.mark.parametrize("walk_by", ["page=1", "after"])
def test_the_filters_are_kept_on_the_way(walk_by, staff, make):
    """What stands in a filter is written as a URL wants it."""
    customer = make.customer()
    crew = make.mechanic()
    wanted = [
        make.ticket(customer_id=customer.id, vin="v-1", description=f"50% off & more? {number} Zoë", mechanic_ids=[crew.id]).id
        for number in range(7)
    ]
    make.ticket(vin="v-1", description="50% off & more? 7 Zoë")
    make.ticket(customer_id=customer.id, description="50 off")
    query = f"customer_id={customer.id}&mechanic_id={crew.id}&vin=v-1&from=2026-11-24&to=2026-11-24&q=50%25+off+%26+more%3F"
    newest = wanted[::-1]
    if walk_by == "after":
        assert flat(walk(staff, f"/tickets?{query}&per_page=2&after={newest[0]}")) == newest[1:]
    else:
        assert walk(staff, f"/tickets?{query}&per_page=2&page=1") == [newest[:2], newest[2:4], newest[4:6], newest[6:]]
    links = links_of(staff.get(f"/tickets?{query}&per_page=2"))
    assert all(parse_qs(urlsplit(link).query)["q"] == ["50% off & more?"] for link in links.values())


@pytest.mark.parametrize("path", ["/customers", "/mechanics", "/inventory"])
def test_a_search_is_kept_on_the_way(path, admin, make):
    kinds = {"/customers": make.customer, "/mechanics": make.mechanic, "/inventory": make.part}
    found = [kinds[path](name=f"Zoë & {number}%") for number in range(5)]
    kinds[path](name="Zoe")
    pages = walk(admin, f"{path}?q=Zo%C3%AB+%26&per_page=2")
    assert pages == [[each.id for each in found[place : place + 2]] for place in (0, 2, 4)]


# ---------------------------------------------------------------- the count
@pytest.fixture
def clock(monkeypatch):
    """A long list begins at three, and time stands still until it is moved."""
    moved = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(pagination, "time", SimpleNamespace(monotonic=lambda: moved.now))
    monkeypatch.setattr(pagination, "COUNT_CACHED_FROM", 3)
    return moved


def total_of(who, path="/customers"):
    return int(who.get(path).headers["X-Total-Count"])


def test_the_count_of_a_long_list_may_lag_by_five_seconds(clock, admin, make):
    for _ in range(3):
        make.customer()
    assert total_of(admin) == 3
    make.customer()
    clock.now += 4.9
    answer = admin.get("/customers?per_page=1")
    assert answer.headers["X-Total-Count"] == "3"
    assert links_of(answer)["last"].endswith("page=3&per_page=1")
    assert len(admin.get("/customers").json) == 4  # The records themselves never lag.
    clock.now += 0.2
    assert total_of(admin) == 4


def test_the_count_of_a_short_list_never_lags(clock, admin, make):
    for number in range(3):
        assert total_of(admin) == number
        make.customer()


def test_each_filter_has_a_count_of_its_own(clock, admin, make):
    for number in range(8):
        make.customer(name=f"Person {number % 2}")
    assert [total_of(admin, f"/customers?q={name}") for name in ("", "Person+0", "Person+1", "nobody")] == [8, 4, 4, 0]


def test_counts_do_not_fill_the_memory(clock, app, admin, make, monkeypatch):
    for _ in range(4):
        make.customer(name="x" * 40)
    app.list_counts.update({str(number): (0.0, 5) for number in range(1000)})
    assert total_of(admin, "/customers?q=xxx") == 4
    assert len(app.list_counts) <= 1000
