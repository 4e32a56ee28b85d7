"""Search with `q` in every list: letters in any case and normal form are equal, with the same results on all databases."""

from unicodedata import normalize

import pytest

from app.models import customers
from tests.support.csv_reader import ids_of

FOUND = [
    ("Ärzte GmbH", "ärzte"),
    ("Колодка тормозная", "КОЛОДКА"),
    ("Größe 5", "GRÖSSE"),
    ("ΣΊΣΥΦΟΣ", "σίσυφος"),
    ("Zoë", normalize("NFD", "zoë")),
    (normalize("NFD", "Crème brûlée"), "CRÈME BRÛLÉE"),
    ("Ann\u200dlee Ca\u00adfé", "ANNLEE CAFÉ"),
    ("50％ off", "％"),
    ("a＿b", "A＿B"),
    ("5/6 [x] 50% _", "/6 [X] 50% _"),
    ("🔧 Wrench", "🔧 w"),
]
NOT_FOUND = [("Ann", "％"), ("Ann", "＿nn"), ("Ann", "a%n"), ("50%", "％"), ("résumé", "resume"), ("Ann\nBob", "n%b")]


def found(staff, path, q):
    response = staff.get(path, query_string={"q": q})
    assert response.status_code == 200
    return ids_of(response) if path.endswith(".csv") else [record["id"] for record in response.json]


@pytest.fixture(params=["/customers", "/mechanics", "/inventory", "/inventory.csv", "/tickets", "/tickets.csv"])
def searched(request, make, staff):
    """A list, and the function that adds a record with a text to it."""
    add = {
        "/customers": lambda text: make.customer(name=text),
        "/mechanics": lambda text: make.mechanic(name=text),
        "/inventory": lambda text: make.part(name=text),
        "/tickets": lambda text: make.ticket(description=text),
    }[request.param.removesuffix(".csv")]
    return lambda q: found(staff, request.param, q), add


def test_search_compares_letters_in_any_case_and_normal_form(searched):
    search, add = searched
    for text, q in FOUND:
        record = add(text)
        assert search(q) == [record.id], (text, q)
        add("Another")


def test_wildcard_in_a_search_matches_only_itself(searched):
    search, add = searched
    for text, q in NOT_FOUND:
        if "\n" not in text:
            add(text)
        assert search(q) == [], (text, q)


@pytest.mark.parametrize("kind", ["customer", "mechanic"])
def test_phone_is_found_by_its_digits(make, staff, kind):
    ann, path = getattr(make, kind)(name="Ann", phone="(555) 867-5309"), f"/{kind}s"
    getattr(make, kind)(name="Bob 86", phone="867-5310")
    for q in ("8675309", "867-5309", "867 5309", "555.867.5309", "(555)8675309", "867\u20115309", "867\u00a05309", "555) 867"):
        assert found(staff, path, q) == [ann.id], q
    for q in ("86753091", "5309-867", "867-530-9-9", "8675309 Ann"):
        assert found(staff, path, q) == [], q


def test_digits_are_searched_only_in_phones(make, staff):
    """A search with separators finds names and skus as they are written."""
    make.customer(name="Fleet 555867", phone=None)
    part = make.part(name="Pad", sku="10-20")
    make.part(name="Pad", sku="1020")
    assert found(staff, "/customers", "555-867") == []
    assert found(staff, "/inventory", "10-20") == [part.id]


def test_changed_record_is_found_only_by_its_new_texts(make, staff, admin):
    ann, part, ticket = make.customer(name="Ärzte", phone="555-0100"), make.part(name="Öl", sku="Ö-1"), make.ticket()
    assert staff.put(f"/customers/{ann.id}", {"name": "Übel"}).status_code == 200
    assert staff.put(f"/inventory/{part.id}", {"sku": "Ä-2"}).status_code == 200
    assert staff.put(f"/tickets/{ticket.id}", {"description": "Ölwechsel"}).status_code == 200
    assert (found(staff, "/customers", "ärzte"), found(staff, "/customers", "ÜBEL")) == ([], [ann.id])
    assert found(staff, "/customers", "5550100") == [ann.id]
    assert (found(staff, "/inventory", "ö-1"), found(staff, "/inventory", "ä-2"), found(staff, "/inventory", "ÖL")) == (
        [],
        [part.id],
        [part.id],
    )
    assert found(staff, "/tickets", "ÖLW") == [ticket.id]
    assert admin.delete(f"/customers/{ann.id}").status_code == 204
    assert found(staff, "/customers", "übel") == []


def test_registered_customer_is_found(anyone, staff, left):
    body = {"name": "Ärzte", "email": "a@example.com", "password": "correct horse battery", "phone": "555-0100"}
    made = anyone.post("/customers", body)
    assert found(staff, "/customers", "ÄRZTE") == [made.json["id"]]
    assert left.row(customers, made.json["id"]).search == "ärzte\na@example.com\n555-0100\n\t5550100"


def test_longest_text_is_searched_whole(make, staff):
    """Letters that take more room folded than as they are."""
    for text in ("ŉ" * 1990, "\U0001d160" * 1990, "ﬃ" * 1990):
        ticket = make.ticket(description=text + "the end")
        assert found(staff, "/tickets", text[-200:] + "THE END") == [ticket.id]
