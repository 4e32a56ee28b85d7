"""JSON is parsed strictly and written exactly."""

import gzip
import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from app.utils.api.strict_json import MAX_DEPTH, loads, nesting_depth
from app.utils.errors import MalformedBody


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{}", {}),
        (' {"a": [1, "b", null, true]}\r\n\t', {"a": [1, "b", None, True]}),
        ('{"a": "\\u00e9\\ud83d\\ude00"}', {"a": "é😀"}),
        ('{"a": 12345678901234567890}', {"a": 12345678901234567890}),
        ('{"a": {"b": 1}, "c": {"b": 2}}', {"a": {"b": 1}, "c": {"b": 2}}),
        ('{"a": "[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}', {"a": "[" * 29}),
        ('{"a": "\\"[{"}', {"a": '"[{'}),
        ("5", 5),
        ('\ufeff{"a": "\ufeff"}', {"a": "\ufeff"}),
    ],
)
def test_valid_json_is_parsed(text, value):
    assert loads(text.encode()) == value


@pytest.mark.parametrize("text", ["1.0", "1e2", "12.340", "0.1", "1.00000000000000000000000000000000001", "1e400", "-0.0"])
def test_number_with_fraction_or_exponent_is_an_exact_decimal(text):
    number = loads(text.encode())
    assert isinstance(number, Decimal)
    assert number == Decimal(text)


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("{}{}", "not JSON"),
        ("NaN", "NaN is no JSON"),
        ('{"a": [Infinity]}', "Infinity is no JSON"),
        ('{"a": -Infinity}', "-Infinity is no JSON"),
        ('{"a": 1, "a": 1}', "key twice"),
        ('{"a": [{"b": 1, "b": 2}]}', "key twice"),
        ('{"a": 1, "\\u0061": 2}', "key twice"),
        ("1e9999999999999999999999", "too large"),
        ("9" * 5000, "not JSON"),
        ("[" * 5000 + "]" * 5000, "deeper than"),
        ('{"a":' * 5000 + "1" + "}" * 5000, "deeper than"),
        ("[" * 500_000, "deeper than"),
        ("\ufeff\ufeff{}", "not JSON"),
    ],
)
def test_invalid_or_ambiguous_json_is_malformed(text, detail):
    with pytest.raises(MalformedBody) as error:
        loads(text.encode())
    assert detail in error.value.detail


@pytest.mark.parametrize(
    "body", ["{}".encode("utf-16"), "{}".encode("utf-32"), b'{"a": "\xff"}', b'"\xed\xa0\x80"', b'"\xc0\x80"']
)
def test_other_encodings_are_malformed(body):
    with pytest.raises(MalformedBody):
        loads(body)


@pytest.mark.parametrize("levels", [1, 2, MAX_DEPTH - 1, MAX_DEPTH])
def test_nesting_up_to_the_limit_is_parsed(levels):
    text = "[" * levels + "]" * levels
    assert nesting_depth(text) == levels
    loads(text.encode())
    with pytest.raises(MalformedBody):
        loads(("[" * (MAX_DEPTH + 1 - levels) + text + "]" * (MAX_DEPTH + 1 - levels)).encode())


def test_adjacent_brackets_are_not_nested():
    assert loads(b'{"a": [' + b"[], " * 1000 + b"{}]}")["a"][-1] == {}


def test_times_end_in_z_and_dates_have_no_time(app):
    shown = {"at": datetime(2026, 11, 24, 8), "zoned": datetime(2026, 11, 24, 8, tzinfo=UTC), "on": date(2026, 11, 24)}
    assert app.json.encode(shown) == b'{"at":"2026-11-24T08:00:00Z","zoned":"2026-11-24T08:00:00Z","on":"2026-11-24"}'


@pytest.mark.parametrize("price", ["0", "0.01", "0.1", "9.99", "12.340", "1.5e1", "1234567.89", "99999999.99", "4.35", "0.29"])
def test_price_is_returned_as_sent(price, admin):
    """A price is a JSON number with at most two decimals."""
    made = admin.post("/inventory", data=f'{{"name": "Pad", "price": {price}}}', content_type="application/json")
    assert made.status_code == 201
    shown = json.loads(made.text, parse_float=Decimal, parse_int=Decimal)
    assert shown["price"] == Decimal(price)


def test_total_beyond_float_precision_is_exact(admin, make):
    """2,147,483,647 parts at 99,999,999.99 cost 214748364678525163.53."""
    part = make.part(price=99_999_999.99, quantity=2_147_483_647)
    ticket = make.ticket(parts=[{"inventory_id": part.id, "quantity": 2_147_483_647}])
    text = admin.get(f"/tickets/{ticket.id}").text
    exact = Decimal("99999999.99") * 2_147_483_647
    shown = json.loads(text, parse_float=Decimal)
    assert shown["parts"][0]["total"] == shown["parts_total"] == exact


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate", "br", "zstd", "identity, gzip", "x", "gzip, identity"])
def test_encoded_body_is_415_with_accept_encoding(admin, unchanged, encoding):
    body = gzip.compress(b'{"name": "Pad", "price": 1}')
    with unchanged():
        response = admin.post("/inventory", data=body, content_type="application/json", headers={"Content-Encoding": encoding})
    assert (response.status_code, response.headers["Accept-Encoding"]) == (415, "identity")
    assert "without Content-Encoding" in response.json["detail"]


@pytest.mark.parametrize("encoding", [None, "identity", " Identity", ""])
def test_body_with_a_byte_order_mark_is_read(admin, encoding):
    headers = {} if encoding is None else {"Content-Encoding": encoding}
    body = "\ufeff".encode() + b'{"name": "Pad", "price": 1}'
    response = admin.post("/inventory", data=body, content_type="application/json", headers=headers)
    assert (response.status_code, response.json["name"]) == (201, "Pad")
