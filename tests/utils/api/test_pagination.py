"""Pagination: each list, by ``page`` and by ``after``, shows every record once and in order."""

import re
from itertools import chain
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest

from app.utils.api import pagination

LISTS = ["customers", "mechanics", "inventory", "tickets", "own tickets", "assigned tickets", "movements"]
DAYS = ["2026-11-24", "2026-11-20", "2026-11-24", "2026-11-30", "2026-11-24"]


class PopulatedList:
    """A list with its reader, its path and the ids of its records."""

    def __init__(self, name, make, engine):
        self.make, self.reader, self.name = make, make.mechanic() if name != "customers" else make.boss, name
        self.paths = {"own tickets": "/tickets/my-tickets", "assigned tickets": "/tickets/my-tickets"}
        self.owner = self.part = None
        if name == "own tickets":
            self.reader = self.owner = make.customer()
        elif name == "movements":
            self.part = make.part(quantity=0)
            self.paths["movements"] = f"/inventory/{self.part.id}/movements"
        self.days = {}
        self.ids = {make.boss.id, self.reader.id} if name == "mechanics" else set()

    @property
    def path(self):
        return self.paths.get(self.name, f"/{self.name}")

    def add(self, number=0):
        """Add a record. The service dates of tickets repeat, so that many are equal."""
        if self.name in ("customers", "mechanics", "inventory"):
            kinds = {"customers": self.make.customer, "mechanics": self.make.mechanic, "inventory": self.make.part}
            new = kinds[self.name]().id
        elif self.name == "movements":
            path = f"/inventory/{self.part.id}"
            quantity = self.reader.get(path).json["quantity"]
            self.reader.put(path, json={"quantity": quantity + 1})
            new = self.reader.get(f"{path}/movements?per_page=1").json[0]["id"]
        else:
            given = {"customer_id": self.owner.id} if self.owner else {}
            given |= {"mechanic_ids": [self.reader.id]} if self.name == "assigned tickets" else {}
            new = self.make.ticket(service_date=DAYS[number % len(DAYS)], **given).id
            self.days[new] = DAYS[number % len(DAYS)]
        self.ids.add(new)
        return new

    def delete(self, number):
        base = "/tickets" if "tickets" in self.path else self.path
        assert self.make.boss.delete(f"{base}/{number}").status_code == 204
        self.ids.discard(number)

    def in_order(self):
        """Return the ids in the order of the list: tickets by descending service date and id, movements newest first."""
        if self.days:
            return sorted(self.ids, key=lambda each: (self.days[each], each), reverse=True)
        return sorted(self.ids, reverse=self.name == "movements")


@pytest.fixture(params=LISTS)
def listing(request, make, engine):
    """Return a list of at least eleven records."""
    listing = PopulatedList(request.param, make, engine)
    for number in range(11):
        listing.add(number)
    return listing


def links_of(response):
    """Return the Link header: relation → path."""
    return {rel: path for path, rel in re.findall(r'<([^>]*)>; rel="(\w+)"', response.headers.get("Link", ""))}


def ids_of(response):
    assert response.status_code == 200, response.text
    return [record["id"] for record in response.json]


def walk(reader, path):
    """Return the ids of each page, following ``next`` to the end."""
    pages = []
    while path:
        response = reader.get(path)
        pages.append(ids_of(response))
        path = links_of(response).get("next")
        assert path is None or path.startswith("/")
    return pages


def flat(pages):
    return list(chain.from_iterable(pages))


def test_pages_show_each_record_once_in_order(listing):
    pages = walk(listing.reader, f"{listing.path}?page=1&per_page=5")
    assert flat(pages) == listing.in_order()
    assert [len(page) for page in pages[:-1]] == [5] * (len(pages) - 1)
    assert len(pages) == -(-len(listing.ids) // 5)


def test_after_shows_each_record_once_in_order(listing):
    first = listing.in_order()[0]
    pages = walk(listing.reader, f"{listing.path}?after={first}&per_page=4")
    assert [first, *flat(pages)] == listing.in_order()
    assert [len(page) for page in pages[:-1]] == [4] * (len(pages) - 1)
    response = listing.reader.get(f"{listing.path}?after={listing.in_order()[-1]}")
    assert (response.status_code, response.json, links_of(response)) == (200, [], {})
    assert "X-Total-Count" not in response.headers


def test_link_header_names_the_other_pages(listing):
    path, total = listing.path, len(listing.ids)
    last = -(-total // 5)
    response = listing.reader.get(f"{path}?page=2&per_page=5")
    assert response.headers["X-Total-Count"] == str(total)
    links = links_of(response)
    parameters = {
        rel: {key: int(value[0]) for key, value in parse_qs(urlsplit(link).query).items()} for rel, link in links.items()
    }
    pages = {"first": 1, "prev": 1, "next": 3, "last": last}
    assert parameters == {rel: {"page": page, "per_page": 5} for rel, page in pages.items()}
    assert {urlsplit(link)[:3] for link in links.values()} == {("", "", path)}
    assert ids_of(listing.reader.get(links["last"])) == listing.in_order()[(last - 1) * 5 :]
    assert {"first", "last"} <= links_of(listing.reader.get(links["first"])).keys()
    assert "prev" not in links_of(listing.reader.get(links["first"]))
    assert "next" not in links_of(listing.reader.get(links["last"]))


def test_default_is_the_first_page_of_twenty(listing):
    response = listing.reader.get(listing.path)
    assert ids_of(response) == listing.in_order()[:20]
    assert response.headers["X-Total-Count"] == str(len(listing.ids))
    assert response.data == listing.reader.get(f"{listing.path}?page=1&per_page=20").data
    assert ids_of(listing.reader.get(f"{listing.path}?per_page=100")) == listing.in_order()
    assert ids_of(listing.reader.get(f"{listing.path}?per_page=1")) == listing.in_order()[:1]


def test_page_past_the_end_is_empty(listing):
    for page in (5, 10**9, 10**17):
        response = listing.reader.get(f"{listing.path}?page={page}&per_page=5")
        assert (response.status_code, response.json) == (200, [])
        assert response.headers["X-Total-Count"] == str(len(listing.ids))
        assert links_of(response).keys() == {"first", "prev", "last"}
        assert ids_of(listing.reader.get(links_of(response)["prev"])) == listing.in_order()[-(len(listing.ids) % 5 or 5) :]


def test_after_is_stable_under_inserts_and_deletions(listing):
    """No record is shown twice or left out, even if the last one seen is deleted and others are added before and behind it."""
    response = listing.reader.get(f"{listing.path}?per_page=4")
    seen = ids_of(response)
    before = listing.in_order()
    if listing.name != "movements":  # The ledger is never shortened.
        for record_id in (seen[-1], seen[0], before[6]):
            if not (listing.name == "mechanics" and record_id in (listing.make.boss.id, listing.reader.id)):
                listing.delete(record_id)
    for number in range(3):
        listing.add(number)
    rest = flat(walk(listing.reader, f"{listing.path}?after={seen[-1]}&per_page=3"))
    after = listing.in_order()
    expected = [each for each in after if each not in seen]
    if listing.name == "movements":
        expected = [each for each in expected if each in before]
    if listing.days:
        position = (listing.days[seen[-1]], seen[-1])
        expected = [each for each in expected if (listing.days[each], each) < position]
    assert rest == expected


def test_after_an_unknown_id_is_422(listing, unchanged):
    with unchanged():
        response = listing.reader.get(f"{listing.path}?after={max(listing.ids) + 5000}")
    assert (response.status_code, list(response.json["errors"])) == (422, ["after"])


BAD_PARAMETERS = {
    "per_page": ["per_page=101", "per_page=0", "per_page=-1", "per_page=x"],
    "page": ["page=0", "page=-1", "page=1.5", "page=" + "9" * 30],
    "after": ["after=0", "after=x", "page=1&after=1"],
}


def test_bad_parameter_is_422(listing, unchanged):
    with unchanged():
        for field, queries in BAD_PARAMETERS.items():
            for query in queries:
                response = listing.reader.get(f"{listing.path}?{query}")
                assert (response.status_code, list(response.json["errors"])) == (422, [field]), query


def test_after_a_movement_of_another_part_is_422(staff, make):
    mine, other = make.part(), make.part()
    movement = staff.get(f"/inventory/{other.id}/movements").json[0]["id"]
    assert staff.get(f"/inventory/{mine.id}/movements?after={movement}").status_code == 422


@pytest.mark.parametrize("walk_by", ["page=1", "after"])
def test_links_keep_the_filters(walk_by, staff, make):
    """The values are URL-encoded."""
    customer = make.customer()
    mechanic = make.mechanic()
    wanted = [
        make.ticket(
            customer_id=customer.id, vin="v-1", description=f"50% off & more? {number} Zoë", mechanic_ids=[mechanic.id]
        ).id
        for number in range(7)
    ]
    make.ticket(vin="v-1", description="50% off & more? 7 Zoë")
    make.ticket(customer_id=customer.id, description="50 off")
    query = f"customer_id={customer.id}&mechanic_id={mechanic.id}&vin=v-1&from=2026-11-24&to=2026-11-24&q=50%25+off+%26+more%3F"
    newest = wanted[::-1]
    if walk_by == "after":
        assert flat(walk(staff, f"/tickets?{query}&per_page=2&after={newest[0]}")) == newest[1:]
    else:
        assert walk(staff, f"/tickets?{query}&per_page=2&page=1") == [newest[:2], newest[2:4], newest[4:6], newest[6:]]
    response = staff.get(f"/tickets?{query}&per_page=2")
    assert response.headers["X-Total-Count"] == "7"
    links = links_of(response)
    assert all(parse_qs(urlsplit(link).query)["q"] == ["50% off & more?"] for link in links.values())


@pytest.mark.parametrize("path", ["/customers", "/mechanics", "/inventory"])
def test_links_keep_the_search(path, admin, make):
    kinds = {"/customers": make.customer, "/mechanics": make.mechanic, "/inventory": make.part}
    records = [kinds[path](name=f"Zoë & {number}%") for number in range(5)]
    kinds[path](name="Zoe")
    pages = walk(admin, f"{path}?q=Zo%C3%AB+%26&per_page=2")
    assert pages == [[each.id for each in records[start : start + 2]] for start in (0, 2, 4)]


# ---------------------------------------------------------------- the count
@pytest.fixture
def clock(monkeypatch):
    """Stop the clock until a test moves it, and let long lists begin at three records."""
    moved = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(pagination, "time", SimpleNamespace(monotonic=lambda: moved.now))
    monkeypatch.setattr(pagination, "COUNT_CACHED_FROM", 3)
    return moved


def total_of(reader, path="/customers"):
    return int(reader.get(path).headers["X-Total-Count"])


def test_count_of_a_long_list_lags_five_seconds_at_most(clock, admin, make):
    for _ in range(3):
        make.customer()
    assert total_of(admin) == 3
    make.customer()
    clock.now += 4.9
    response = admin.get("/customers?per_page=1")
    assert response.headers["X-Total-Count"] == "3"
    assert links_of(response)["last"].endswith("page=3&per_page=1")
    assert len(admin.get("/customers").json) == 4  # The records themselves never lag.
    clock.now += 0.2
    assert total_of(admin) == 4


def test_count_of_a_short_list_never_lags(clock, admin, make):
    for number in range(3):
        assert total_of(admin) == number
        make.customer()


def test_counts_are_cached_per_filter(clock, admin, make):
    for number in range(8):
        make.customer(name=f"Person {number % 2}")
    assert [total_of(admin, f"/customers?q={name}") for name in ("", "Person+0", "Person+1", "nobody")] == [8, 4, 4, 0]


def test_cached_counts_are_bounded(clock, app, admin, make, monkeypatch):
    for _ in range(4):
        make.customer(name="x" * 40)
    app.list_counts.update({str(number): (0.0, 5) for number in range(1000)})
    assert total_of(admin, "/customers?q=xxx") == 4
    assert len(app.list_counts) <= 1000
