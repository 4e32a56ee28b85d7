"""Bad request bodies for each endpoint of the endpoint table that reads one."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.support.bad_values import encode
from tests.support.endpoints import Endpoint


@dataclass(frozen=True)
class Case:
    """A body that must be refused with one of the statuses. ``field`` must be among the errors of the response."""

    name: str
    body: bytes
    statuses: tuple[int, ...] = (422,)
    field: str | None = None
    media_type: str = "application/json"


UNKNOWN_FIELDS = [
    "colour",
    "password_hash",
    "version",
    "deleted_at",
    "token_version",
    "__proto__",
    "",
    " name",
    "Name",
    "na\0me",
    "\ud800",
]
UNKNOWN_FIELDS += ["is_admin", "🔧", "x" * 5000, "\ud83d key", "a.b", "$where", "price_cents", "constructor"]
NOT_OBJECTS = ["[]", "[{}]", '"text"', "5", "1.0", "true", "null", '"{}"', "-0"]
NOT_JSON = [
    "",
    " ",
    "{",
    "}",
    "{]",
    '{"name"',
    '{"name":}',
    '{"name": "Ann"',
    '{"name": "Ann",}',
    "{'name': 'Ann'}",
    "{name: 1}",
    "NaN",
]
NOT_JSON += ['{"name": NaN}', '{"price": Infinity}', '{"price": -Infinity}', '{"price": 01}', '{"price": +1}', '{"price": .5}']
NOT_JSON += [
    '{"price": 1.}',
    '{"price": 0x10}',
    '{"name": "\\x41"}',
    '{"name": "\\u12"}',
    '{"name": "a\nb"}',
    '{"name": "a\0b"}',
    "{}{}",
]
NOT_JSON += ["{} x", "<customer/>", "name=Ann&price=5", '{"a": undefined}', '{"a": /* b */ 1}', '\ufeff\ufeff{"name": "Ann"}']
NOT_JSON += [
    '{"name": "Ann", "name": "Bob"}',
    '{"price": 1, "price": 1}',
    '{"parts": [{"inventory_id": 1, "inventory_id": 2}]}',
]
NOT_JSON += ['{"price": 1e9999999999999999999999}', '{"quantity": ' + "9" * 5000 + "}"]
OTHER_MEDIA_TYPES = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/xml",
    "json",
]
OTHER_MEDIA_TYPES += ["application/jsonp", "text/json", "application/merge-patch+json", "*/*", "application/problem+json", ""]


def cases_of(endpoint: Endpoint) -> Iterator[Case]:
    """Yield every bad body of an endpoint. A number that is too long to read may give 400 instead of 422."""
    assert endpoint.body is not None
    body, example = endpoint.body, endpoint.body.example
    for name, values in body.bad.items():
        for value in values:
            statuses = (400, 422) if "raw:" in repr(value) else (422,)
            yield Case(f"{name}={value!r:.60}", encode(example | {name: value}), statuses, name)
    for name in body.required:
        yield Case(f"no {name}", encode({key: value for key, value in example.items() if key != name}), (422,), name)
    for name in (*body.read_only, *UNKNOWN_FIELDS):
        yield Case(f"unknown {name!r:.30}", encode(example | {name: -1}), (422,), name or "body")
    yield from (Case(f"no object {text}", text.encode(), (400,)) for text in NOT_OBJECTS)
    yield from (Case(f"no JSON {text!r:.40}", text.encode(), (400,)) for text in NOT_JSON)
    yield from bad_encodings(encode(example))


def bad_encodings(good: bytes) -> Iterator[Case]:
    """Yield a good body with a bad media type, encoding, nesting, size or end."""
    for media_type in OTHER_MEDIA_TYPES:
        yield Case(f"type {media_type!r}", good, (415,), media_type=media_type)
    for encoding in ("utf-16", "utf-16-le", "utf-32"):
        for charset in ("", "; charset=utf-16"):
            media_type = f"application/json{charset}"
            yield Case(f"in {encoding}{charset}", good.decode().encode(encoding), (400,), media_type=media_type)
    yield Case("latin-1", b'{"name": "J\xf6rg"}', (400,))
    yield Case("a surrogate in UTF-8", b'{"name": "\xed\xa0\x80"}', (400,))
    yield Case("overlong UTF-8", b'{"name": "\xc0\x80"}', (400,))
    yield Case("5,000 arrays", b'{"name": ' + b"[" * 5000 + b"]" * 5000 + b"}", (400,))
    yield Case("5,000 objects", b'{"name": ' * 5000 + b"1" + b"}" * 5000, (400,))
    yield Case("200,000 brackets", b"[" * 200_000, (400,))
    yield Case("30 levels", b'{"name": ' + b"[" * 30 + b"]" * 30 + b"}", (400,))
    yield Case("2 MiB of text", b'{"name": "' + b"x" * 2**21 + b'"}', (413,))
    yield Case("2 MiB of blanks", good + b" " * 2**21, (413,))
    for cut in {len(good) // 3, len(good) // 2, len(good) - 1} - {0}:
        yield Case(f"cut at {cut}", good[:cut], (400,))
