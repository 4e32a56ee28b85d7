"""The record of the shop: one row, with defaults until an admin changes it."""

import pytest

from tests.support.simultaneous import at_once

DEFAULTS = {
    "name": "My Mechanic Shop",
    "address": None,
    "country": None,
    "email": None,
    "phone": None,
    "tax_number": None,
    "registration": None,
    "currency": "USD",
    "time_zone": "UTC",
    "labor_rate": 0,
    "prices_include_tax": False,
    "supplies": None,
    "estimate_days": 30,
    "estimate_tolerance": {"percent": None, "amount": None, "rule": "lesser", "maximum": None},
    "payment_days": 0,
    "invoice_prefix": "INV-",
    "credit_note_prefix": "CN-",
    "document_footer": None,
}
CHANGES = {
    "name": "Ann's Garage",
    "address": "1 Main Street\nSpringfield",
    "country": "DE",
    "email": "shop@example.com",
    "phone": "555-0100",
    "tax_number": "DE123456789",
    "registration": "HRB 1234",
    "currency": "EUR",
    "time_zone": "Europe/Berlin",
    "labor_rate": 119.99,
    "prices_include_tax": True,
    "supplies": {"percent": 2.5, "minimum": 1, "maximum": 25.5},
    "estimate_days": 14,
    "estimate_tolerance": {"percent": 10.0001, "amount": 50, "rule": "greater", "maximum": 99.99},
    "payment_days": 30,
    "invoice_prefix": "R-",
    "credit_note_prefix": "",
    "document_footer": "Thank you.\nDrive safely.",
}
REFUSED = [
    ("name", ""),
    ("name", None),
    ("address", "x" * 501),
    ("country", "XX"),
    ("country", "us"),
    ("currency", "JPY"),
    ("currency", None),
    ("time_zone", "Mars/Olympus"),
    ("labor_rate", -1),
    ("labor_rate", 0.001),
    ("prices_include_tax", 1),
    ("prices_include_tax", "true"),
    ("supplies", {}),
    ("supplies", {"percent": 101}),
    ("supplies", {"percent": 0.00001}),
    ("supplies", {"percent": 1, "minimum": 2, "maximum": 1.99}),
    ("supplies", {"percent": 1, "color": "red"}),
    ("estimate_days", 0),
    ("estimate_days", 366),
    ("estimate_tolerance", None),
    ("estimate_tolerance", {"rule": "both"}),
    ("payment_days", -1),
    ("invoice_prefix", "inv-"),
    ("invoice_prefix", "CN-"),
    ("invoice_prefix", "X" * 11),
    ("credit_note_prefix", "INV-"),
    ("document_footer", "x" * 1001),
    ("id", 1),
]


def test_shop_has_defaults_until_it_is_changed(staff):
    answer = staff.get("/shop")
    assert (answer.status_code, answer.json) == (200, DEFAULTS)


def test_every_field_can_be_changed_and_the_others_stay(admin):
    for name, value in CHANGES.items():
        before = admin.get("/shop").json
        answer = admin.put("/shop", json={name: value})
        assert (answer.status_code, answer.json) == (200, before | {name: value})
        assert admin.get("/shop").data == answer.data
    assert admin.get("/shop").json == CHANGES


def test_object_is_replaced_whole(admin):
    admin.put("/shop", json={"supplies": CHANGES["supplies"], "estimate_tolerance": CHANGES["estimate_tolerance"]})
    answer = admin.put("/shop", json={"supplies": {"percent": 1}, "estimate_tolerance": {"amount": 5}})
    assert answer.json["supplies"] == {"percent": 1, "minimum": None, "maximum": None}
    assert answer.json["estimate_tolerance"] == DEFAULTS["estimate_tolerance"] | {"amount": 5}
    assert admin.put("/shop", json={"supplies": None}).json["supplies"] is None


@pytest.mark.parametrize(("field", "value"), REFUSED)
def test_bad_value_is_refused_by_name(admin, unchanged, field, value):
    with unchanged():
        answer = admin.put("/shop", json={field: value})
    assert answer.status_code == 422
    assert {name.partition(".")[0] for name in answer.json["errors"]} == {field}


def test_customer_and_mechanic_cannot_change_the_shop(customer, staff, unchanged):
    with unchanged():
        assert customer.get("/shop").status_code == 403
        assert staff.put("/shop", json={"name": "Mine"}).status_code == 403


def test_stale_if_match_is_refused_also_before_the_first_change(admin):
    first = admin.get("/shop").headers["ETag"]
    assert admin.put("/shop", json={"name": "A"}, headers={"If-Match": '"other"'}).status_code == 412
    assert admin.put("/shop", json={"name": "A"}, headers={"If-Match": first}).status_code == 200
    assert admin.put("/shop", json={"name": "B"}, headers={"If-Match": first}).status_code == 412


def test_simultaneous_first_changes_leave_one_row(admin, left):
    answers = at_once(*[lambda: admin.put("/shop", json={"name": "Same"}) for _ in range(8)])
    assert [answer.status_code for answer in answers] == [200] * 8
    assert len(left.everything()["shop"]) == 1
