"""The shop behind nginx and behind Caddy, as docs/operations.md sets them up."""

import http.client
import json
import socket
import ssl
import time
import warnings
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from app.models import idempotency_keys, inventory
from tests.support import services
from tests.support.needs import needs
from tests.support.operations.proxies import HOST, KINDS
from tests.support.processes import free_port, until
from tests.support.running_shop import looking, shop_on
from tests.support.shop import PASSWORD

pytestmark = [pytest.mark.slow, needs("openssl")]
KIND = services.databases()[-1]
HSTS = "strict-transport-security"


@pytest.fixture(params=[pytest.param(name, marks=needs(name)) for name in KINDS])
def behind(request):
    """A proxy with a shop behind it; the second process that it knows is not there."""
    metrics = free_port()
    settings = {"TRUSTED_PROXIES": "1", "METRICS_PORT": str(metrics), "LOG_LEVEL": "INFO", "LIMIT_REGISTER": "2 per hour"}
    with shop_on(KIND, workers=1, **settings) as shop:
        proxy = KINDS[request.param](shop.port, free_port())
        try:
            yield shop, proxy.start(), metrics
        finally:
            proxy.remove()


def lines_of(shop):
    return [json.loads(line) for line in shop.program.log.read_text().splitlines() if line.startswith("{")]


def test_what_a_proxy_is_for(behind):
    """One shop, looked at from every side: it is started once."""
    shop, proxy, metrics = behind
    token = signed_in(proxy)
    leads_to_tls(proxy)
    knows_the_clients_address(shop, proxy)
    keeps_the_metrics_to_itself(proxy, token, metrics)
    refuses_what_is_too_large(proxy, token)
    gives_each_request_a_key(shop, proxy, token)
    assert holds_on_to_connections(proxy, token, shop.port) < (5 if proxy.name == "nginx" else 100)
    ends_slow_senders(proxy, token)
    second = serves_beside_a_slow_reader(shop, proxy, token)
    assert second == 200 if proxy.name == "nginx" else second in (200, 503), "only nginx takes it all off the shop's hands"
    says_sanely_that_the_shop_is_down(shop, proxy, token)


def signed_in(proxy):
    answer = proxy.client().call("POST", "/mechanics/login", {"email": "first@example.com", "password": PASSWORD})
    assert answer.status == 200
    assert answer.headers[HSTS] == "max-age=31536000"
    assert "server" not in answer.headers or "/" not in answer.headers["server"], "no version"
    return answer.body["token"]


def leads_to_tls(proxy):
    plain = http.client.HTTPConnection("127.0.0.1", proxy.http, timeout=5)
    plain.request("POST", "/tickets?x=1", headers={"Host": HOST})
    answer = plain.getresponse()
    plain.close()
    assert (answer.status, answer.getheader("Location")) == (308, f"https://{HOST}/tickets?x=1"), "the method stays"
    assert answer.getheader(HSTS) is None, "it is a word for TLS alone"
    for version, spoken in ((ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True)):
        context = ssl.create_default_context(cafile=str(proxy.certificate))
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings(action="ignore"):  # That such a version is old.
            context.minimum_version = context.maximum_version = version
        assert speaks(proxy, context) is spoken


def speaks(proxy, context):
    try:
        with socket.create_connection(("127.0.0.1", proxy.https), 5) as raw, context.wrap_socket(raw, server_hostname=HOST):
            return True
    except (ssl.SSLError, ConnectionError):
        return False


def knows_the_clients_address(shop, proxy):
    """Limits and logs go by it, and no header of the client's changes it."""
    answers = []
    for number, claimed in enumerate(("10.1.1.1", "10.2.2.2, 10.3.3.3", "127.0.0.1")):
        person = {"name": "Ann", "email": f"ann{number}@example.com", "password": PASSWORD}
        lies = {"X_Forwarded_For": claimed, "X_Real_IP": claimed, "Forwarded": f"for={claimed}"}
        answers.append(proxy.client(address="127.0.0.9").call("POST", "/customers", person, **lies).status)
    assert answers == [201, 201, 429]
    assert proxy.client(address="127.0.0.10").call("POST", "/customers", person).status == 201

    def logged():
        return [line["address"] for line in lines_of(shop) if line.get("path") == "/customers"]

    until(lambda: len(logged()) >= 4, 5, "the last line of the log")
    assert logged() == ["127.0.0.9"] * 3 + ["127.0.0.10"]


def keeps_the_metrics_to_itself(proxy, token, metrics):
    assert proxy.client(token).call("GET", "/metrics").status == 404
    inside = http.client.HTTPConnection("127.0.0.1", metrics, timeout=5)
    inside.request("GET", "/metrics")
    assert b"shop_requests_total" in inside.getresponse().read(), "the control"
    inside.close()


def refuses_what_is_too_large(proxy, token):
    for size, status in ((1024 * 1024, 400), (1024 * 1024 + 1, 413), (3 * 1024 * 1024, 413)):
        answer = proxy.client(token).call("POST", "/inventory", "x" * (size - 2))
        assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
        assert answer.body["status"] == status


def gives_each_request_a_key(shop, proxy, token):
    """Which makes it safe that a proxy tries again; one that the client gives is left alone."""
    client, pad = proxy.client(token), {"name": "Pad", "price": 1, "quantity": 1}
    first, second = (client.call("POST", "/inventory", pad) for _ in range(2))
    assert first.body["id"] != second.body["id"], "two requests are two"
    own = [client.call("POST", "/inventory", pad, key="mine") for _ in range(2)]
    assert own[0].body == own[1].body
    with looking(shop) as engine, engine.connect() as connection:
        kept = set(
            connection.execute(select(idempotency_keys.c.key).where(idempotency_keys.c.location.like("/inventory/%"))).scalars()
        )
    assert len(kept) == 3
    assert "mine" in kept


def holds_on_to_connections(proxy, token, port):
    client = proxy.client(token)
    for _ in range(30):
        assert client.call("GET", "/inventory").status == 200
    ends = [line.split()[2] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(int(end.rpartition(":")[2], 16) == port for end in ends)


def ends_slow_senders(proxy, token):
    """Sixty who never finish a body and twenty who never finish a head keep nobody from the shop's three threads."""
    head = f"POST /inventory HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n"
    body = "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    slow = [proxy.open("127.0.0.11") for _ in range(80)]
    for number, connection in enumerate(slow):
        connection.sendall((head + body * (number < 60)).encode())
    for _ in range(5):
        assert proxy.client(token).call("GET", "/inventory").status == 200
    assert all(map(still_open, slow)), "others were served beside them, not after their end"
    for connection in slow:
        connection.settimeout(10)
        assert until_it_ends(connection) < 1000
        connection.close()


def still_open(connection):
    """Whether nothing has come from the other side yet, nor its end."""
    connection.setblocking(False)
    try:
        connection.recv(1)
    except ssl.SSLWantReadError:
        return True
    return False


def until_it_ends(connection):
    """Read until the other side closes; how many bytes that were."""
    count = 0
    try:
        while data := connection.recv(4096):
            count += len(data)
    except (ConnectionError, ssl.SSLError):
        pass
    return count


def serves_beside_a_slow_reader(shop, proxy, token):
    """A long list is asked for and not read; its first byte comes soon, and others are served."""
    with looking(shop) as engine, engine.begin() as connection:
        parts = [{"name": f"{number:05} {'x' * 240}", "price_cents": 1, "quantity": 0} for number in range(12_000)]
        connection.execute(insert(inventory), parts)
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.settimeout(5)
    raw.connect(("127.0.0.1", proxy.https))
    with ssl.create_default_context(cafile=str(proxy.certificate)).wrap_socket(raw, server_hostname=HOST) as slow:
        slow.sendall(f"GET /inventory.csv HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        assert slow.recv(9) == b"HTTP/1.1 "
        for _ in range(5):
            assert proxy.client(token).call("GET", "/inventory").status == 200
        time.sleep(1)
        return proxy.client(token).status_of("/inventory.csv")


def says_sanely_that_the_shop_is_down(shop, proxy, token):
    shop.kill()
    answer = proxy.client(token).call("GET", "/inventory")
    assert (answer.status, answer.headers["content-type"]) == (503, "application/problem+json")
    assert answer.body["title"] == "Service Unavailable"
    assert answer.headers["retry-after"] == "5"
    assert HSTS in answer.headers
    shop.start()
    until(lambda: proxy.client(token).call("GET", "/inventory").status == 200, 10, "the shop's return behind the proxy")
