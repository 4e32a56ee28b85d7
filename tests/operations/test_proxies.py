"""The shop behind nginx and Caddy with the configurations of docs/operations.md."""

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
from tests.support.running_shop import open_engine, shop_on
from tests.support.shop import PASSWORD

pytestmark = [pytest.mark.slow, needs("openssl")]
KIND = services.databases()[-1]
HSTS = "strict-transport-security"


@pytest.fixture(params=[pytest.param(name, marks=needs(name)) for name in KINDS])
def proxied(request):
    """Yield a shop, its proxy and its metrics port. The second process in the configuration does not run."""
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


def test_documented_proxy_configuration(proxied):
    """All checks share one shop, since its start is slow."""
    shop, proxy, metrics = proxied
    token = log_in(proxy)
    check_redirect_to_tls(proxy)
    check_client_address(shop, proxy)
    check_metrics_are_private(proxy, token, metrics)
    check_body_size_limit(proxy, token)
    check_added_idempotency_key(shop, proxy, token)
    assert count_upstream_connections(proxy, token, shop.port) < (5 if proxy.name == "nginx" else 100)
    check_slow_senders_are_closed(proxy, token)
    status = status_during_a_slow_download(shop, proxy, token)
    assert status == 200 if proxy.name == "nginx" else status in (200, 503), "only nginx buffers the whole response"
    check_response_while_the_shop_is_down(shop, proxy, token)


def log_in(proxy):
    response = proxy.client().call("POST", "/mechanics/login", {"email": "first@example.com", "password": PASSWORD})
    assert response.status == 200
    assert response.headers[HSTS] == "max-age=31536000"
    assert "server" not in response.headers or "/" not in response.headers["server"], "the Server header shows a version"
    return response.body["token"]


def check_redirect_to_tls(proxy):
    plain = http.client.HTTPConnection("127.0.0.1", proxy.http, timeout=5)
    plain.request("POST", "/tickets?x=1", headers={"Host": HOST})
    response = plain.getresponse()
    plain.close()
    assert (response.status, response.getheader("Location")) == (308, f"https://{HOST}/tickets?x=1"), "308 keeps the method"
    assert response.getheader(HSTS) is None, "HSTS is valid over TLS only"
    for version, is_supported in ((ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True)):
        context = ssl.create_default_context(cafile=str(proxy.certificate))
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings(action="ignore"):  # Old TLS versions are deprecated.
            context.minimum_version = context.maximum_version = version
        assert accepts_tls(proxy, context) is is_supported


def accepts_tls(proxy, context):
    try:
        with socket.create_connection(("127.0.0.1", proxy.https), 5) as raw, context.wrap_socket(raw, server_hostname=HOST):
            return True
    except (ssl.SSLError, ConnectionError):
        return False


def check_client_address(shop, proxy):
    """Limits and logs use the address of the client, and no header of the client changes it."""
    statuses = []
    for number, claimed in enumerate(("10.1.1.1", "10.2.2.2, 10.3.3.3", "127.0.0.1")):
        customer = {"name": "Ann", "email": f"ann{number}@example.com", "password": PASSWORD}
        headers = {"X_Forwarded_For": claimed, "X_Real_IP": claimed, "Forwarded": f"for={claimed}"}
        statuses.append(proxy.client(address="127.0.0.9").call("POST", "/customers", customer, **headers).status)
    assert statuses == [201, 201, 429]
    assert proxy.client(address="127.0.0.10").call("POST", "/customers", customer).status == 201

    def logged_addresses():
        return [line["address"] for line in lines_of(shop) if line.get("path") == "/customers"]

    until(lambda: len(logged_addresses()) >= 4, 5, "the last line of the log")
    assert logged_addresses() == ["127.0.0.9"] * 3 + ["127.0.0.10"]


def check_metrics_are_private(proxy, token, metrics):
    assert proxy.client(token).call("GET", "/metrics").status == 404
    inside = http.client.HTTPConnection("127.0.0.1", metrics, timeout=5)
    inside.request("GET", "/metrics")
    assert b"shop_requests_total" in inside.getresponse().read(), "the shop serves no metrics"
    inside.close()


def check_body_size_limit(proxy, token):
    for size, status in ((1024 * 1024, 400), (1024 * 1024 + 1, 413), (3 * 1024 * 1024, 413)):
        response = proxy.client(token).call("POST", "/inventory", "x" * (size - 2))
        assert (response.status, response.headers["content-type"]) == (status, "application/problem+json")
        assert response.body["status"] == status


def check_added_idempotency_key(shop, proxy, token):
    """The key makes retries by the proxy safe. A key sent by the client is kept."""
    client, pad = proxy.client(token), {"name": "Pad", "price": 1, "quantity": 1}
    first, second = (client.call("POST", "/inventory", pad) for _ in range(2))
    assert first.body["id"] != second.body["id"], "two requests got one key"
    repeated = [client.call("POST", "/inventory", pad, key="mine") for _ in range(2)]
    assert repeated[0].body == repeated[1].body
    with open_engine(shop) as engine, engine.connect() as connection:
        keys = set(
            connection.execute(select(idempotency_keys.c.key).where(idempotency_keys.c.location.like("/inventory/%"))).scalars()
        )
    assert len(keys) == 3
    assert "mine" in keys


def count_upstream_connections(proxy, token, port):
    client = proxy.client(token)
    for _ in range(30):
        assert client.call("GET", "/inventory").status == 200
    remote_ends = [line.split()[2] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(int(end.rpartition(":")[2], 16) == port for end in remote_ends)


def check_slow_senders_are_closed(proxy, token):
    """Sixty clients with an unfinished body and twenty with an unfinished head do not block other requests."""
    head = f"POST /inventory HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n"
    body = "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    slow = [proxy.open("127.0.0.11") for _ in range(80)]
    for number, connection in enumerate(slow):
        connection.sendall((head + body * (number < 60)).encode())
    for _ in range(5):
        assert proxy.client(token).call("GET", "/inventory").status == 200
    assert all(map(still_open, slow)), "a slow connection was closed before the other requests"
    for connection in slow:
        connection.settimeout(10)
        assert bytes_until_closed(connection) < 1000
        connection.close()


def still_open(connection):
    """Return True if the other side has neither sent data nor closed the connection."""
    connection.setblocking(False)
    try:
        connection.recv(1)
    except ssl.SSLWantReadError:
        return True
    return False


def bytes_until_closed(connection):
    """Read until the other side closes the connection. Return the number of bytes."""
    count = 0
    try:
        while data := connection.recv(4096):
            count += len(data)
    except (ConnectionError, ssl.SSLError):
        pass
    return count


def status_during_a_slow_download(shop, proxy, token):
    """Request a long list without reading it: the first byte arrives soon, and other requests are served.

    Return the status of a second download of the list meanwhile.
    """
    with open_engine(shop) as engine, engine.begin() as connection:
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


def check_response_while_the_shop_is_down(shop, proxy, token):
    shop.kill()
    response = proxy.client(token).call("GET", "/inventory")
    assert (response.status, response.headers["content-type"]) == (503, "application/problem+json")
    assert response.body["title"] == "Service Unavailable"
    assert response.headers["retry-after"] == "5"
    assert HSTS in response.headers
    shop.start()
    until(lambda: proxy.client(token).call("GET", "/inventory").status == 200, 10, "the return of the shop behind the proxy")
