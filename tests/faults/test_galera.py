"""A cluster of three MariaDB nodes, each with its own shop: all three sell the same stock."""

import threading
import time
import uuid
from collections import Counter
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from random import Random

import pytest
from sqlalchemy import create_engine, text

from config import database_url
from tests.support import sabotage
from tests.support.galera import PROVIDER, Galera
from tests.support.invariants import broken_invariants
from tests.support.needs import needs
from tests.support.processes import until
from tests.support.servers import Redis
from tests.support.shop import Shop
from tests.support.simultaneous import at_once
from tests.support.traffic import Traffic, created_id, require_consistency

pytestmark = [pytest.mark.slow, needs("mariadbd", PROVIDER, "rsync", "redis-server")]


@pytest.fixture(scope="module")
def redis():
    server = Redis()
    try:
        yield server.start()
    finally:
        server.remove()


@pytest.fixture(scope="module")
def cluster():
    nodes = Galera()
    try:
        yield nodes.start()
    finally:
        nodes.remove()


@contextmanager
def shops_on(cluster, redis, mistake=None):
    """Run three shops that share a Redis, each on another node, with ``mistake`` built in if given."""
    with ExitStack() as stack:
        shops = []
        for number in range(3):
            shop = Shop(cluster.url(number), redis=redis.url)
            stack.callback(shop.remove)
            if mistake:
                shop.program.command = [shop.program.command[0], str(sabotage.__file__), mistake]
            shops.append(shop)
        shops[0].start()  # Creates the tables on all nodes.
        for shop in shops[1:]:
            shop.program.start()
        for shop in shops[1:]:
            until(shop.is_ready, 60, "the start of a shop")
        yield shops


@pytest.fixture(scope="module")
def shops(cluster, redis):
    with shops_on(cluster, redis) as running:
        yield running


@pytest.fixture(scope="module")
def engine(cluster):
    """Yield an engine on the first node that waits for the writes of the other nodes."""
    first_node = create_engine(database_url(cluster.nodes[0].url()), pool_pre_ping=True)
    with first_node.connect() as connection:
        connection.execute(text("SET GLOBAL wsrep_sync_wait = 7"))
    yield first_node
    first_node.dispose()


class Seller:
    """A client that orders parts through one node."""

    def __init__(self, shop, token):
        self.client, self.statuses, self.sold = shop.client(token, timeout=60), Counter(), Counter()
        self.tickets = set()

    def sell(self, owner, parts, orders, rng):
        """Order one to three parts ``orders`` times. Shortages are expected."""
        with closing(self.client):
            for _ in range(orders):
                lines = [{"inventory_id": part, "quantity": 1} for part in rng.sample(parts, rng.randint(1, 3))]
                ticket = {"customer_id": owner, "service_date": "2026-11-24", "vin": "RUSH", "description": uuid.uuid4().hex}
                response = self.client.call("POST", "/tickets", ticket | {"parts": lines}, uuid.uuid4().hex)
                self.statuses[response.status] += 1
                if response.status == 201:
                    self.sold.update(line["inventory_id"] for line in lines)
                    self.tickets.add(ticket["description"])


def sell_out(shops, stock, orders):
    """Let six clients on three nodes order three parts. Return the sellers and the ids of the parts."""
    token = shops[0].admin_token()
    with closing(shops[0].client(token)) as admin:
        person = {"name": "Ann", "email": f"{uuid.uuid4().hex}@example.com", "password": "correct horse"}
        owner = created_id(admin.call("POST", "/customers", person))
        part = {"name": "Pad", "price": 1, "quantity": stock}
        parts = [created_id(admin.call("POST", "/inventory", part)) for _ in range(3)]
    sellers = [Seller(shops[number % 3], token) for number in range(6)]
    threads = [
        threading.Thread(target=seller.sell, args=(owner, parts, orders // 6, Random(seed)))
        for seed, seller in enumerate(sellers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(600)
    return sellers, parts


def conflicts(cluster):
    """Return the number of conflicts between transactions of different nodes so far."""
    return sum(
        int(node.status(name)) for node in cluster.nodes for name in ("wsrep_local_cert_failures", "wsrep_local_bf_aborts")
    )


def test_three_galera_nodes_sell_exactly_the_stock(cluster, shops, engine, proof):
    """Six clients on three Galera nodes order 1–3 parts each until the stock is sold: exactly the stock is sold, each
    acknowledged order exists exactly once, and conflicts between nodes are retried without an error for a client."""
    before, stock = conflicts(cluster), proof.size(40, 300)
    sellers, parts = sell_out(shops, stock, proof.size(120, 900))
    statuses = sum((seller.statuses for seller in sellers), Counter())
    sold = sum((seller.sold for seller in sellers), Counter())
    assert statuses.keys() == {201, 409}
    assert sold == dict.fromkeys(parts, stock)
    with engine.connect() as connection:
        left = connection.execute(
            text("SELECT quantity FROM inventory WHERE id IN :ids").bindparams(ids=tuple(parts))
        ).scalars()
        assert list(left) == [0, 0, 0]
        orders = connection.execute(text("SELECT description FROM service_tickets WHERE vin = 'RUSH'")).scalars().all()
    assert Counter(orders) == Counter(order for seller in sellers for order in seller.tickets)
    assert broken_invariants(engine) == []
    retried = conflicts(cluster) - before
    assert retried, "there was no conflict between nodes"
    proof.report(orders=sum(statuses.values()), sold=sold.total(), oversold=0, conflicts_retried=retried)


def test_idempotency_key_sent_to_three_nodes_runs_once(shops, engine, proof):
    """The same idempotency key and body are sent to all three nodes at once: one runs, the others get a replay or 409."""
    token, counts = shops[0].admin_token(), Counter()
    clients = [shop.client(token) for shop in shops]
    for _ in range(proof.size(15, 200)):
        part = {"name": f"Once {uuid.uuid4().hex}", "price": 1, "quantity": 3}
        key = uuid.uuid4().hex
        responses = at_once(*(partial(client.call, "POST", "/inventory", part, key) for client in clients))
        ids = [response.body["id"] for response in responses if response.status == 201]
        assert len(set(ids)) == 1, responses
        assert sorted(response.status for response in responses if response.status != 201) == [409] * (3 - len(ids))
        assert (
            sum(response.headers.get("idempotency-replayed") is None for response in responses if response.status == 201) == 1
        )
        counts.update("replayed" if "idempotency-replayed" in response.headers else response.status for response in responses)
        with engine.connect() as connection:
            count = text("SELECT COUNT(*) FROM inventory WHERE name = :name")
            assert connection.execute(count, {"name": part["name"]}).scalar() == 1
    for client in clients:
        client.close()
    assert broken_invariants(engine) == []
    proof.report(keys=counts[201], replays=counts["replayed"], in_flight_409=counts[409])


@contextmanager
def lagging(node, seconds):
    """Let a node apply the writes of the others only after ``seconds``. The node can be read meanwhile."""
    slow = create_engine(database_url(node.url("mysql")), isolation_level="AUTOCOMMIT")
    with slow.connect() as connection:
        connection.execute(text("FLUSH TABLES WITH READ LOCK"))
        timer = threading.Timer(seconds, lambda: connection.execute(text("UNLOCK TABLES")))
        timer.start()
        try:
            yield
        finally:
            timer.join()
    slow.dispose()


def stale_reads(cluster, shops, rounds):
    """Write on one node and read on another, ``rounds`` times. Return the number of reads without the write."""
    token = shops[0].admin_token()
    writer, *readers = [shop.client(token) for shop in shops]
    stale, part = 0, {"price": 1, "quantity": 1}
    first = created_id(writer.call("POST", "/inventory", part | {"name": "First"}))
    for number in range(rounds):
        reader, name, listed = readers[number % 2], uuid.uuid4().hex, f"/inventory?per_page=100&after={first}"
        assert reader.call("GET", listed).status == 200, "the list is not in the cache"
        with lagging(cluster.nodes[1 + number % 2], 0.3):
            created_id(writer.call("POST", "/inventory", part | {"name": name}))
            found = reader.call("GET", listed if number % 4 < 2 else f"/inventory?q={name}")
            stale += name not in [row["name"] for row in found.body]
    for client in (writer, *readers):
        client.close()
    return stale


def test_acknowledged_write_is_visible_on_every_node(cluster, shops, proof):
    """A list and a search on one node show a write that another node has acknowledged, even if the node lags behind."""
    rounds = proof.size(6, 50)
    assert stale_reads(cluster, shops, rounds) == 0
    proof.report(reads=rounds, stale=0)


def test_killed_galera_node_rejoins_without_a_lost_write(cluster, shops, engine, proof):
    """A Galera node is killed under load and rejoins, while its shop continues on another node: every acknowledged order and
    return exists exactly once, 503 occurs only until the failover, and no client sees a conflict."""
    workers = [shop.workers() for shop in shops]
    with Traffic(*shops, with_key=6, without_key=3, readers=3) as traffic:
        recoveries, rejoins = [], []
        for number in [2] if not proof.full else [2, 1]:
            time.sleep(proof.size(1.5, 10))
            with traffic.fault():
                cluster.nodes[number].kill()
                recoveries.append(traffic.wait_for_recovery(15))
            started = time.monotonic()
            cluster.nodes[number].rejoin()
            rejoins.append(time.monotonic() - started)
            time.sleep(proof.size(1, 10))
    require_consistency(traffic, engine)
    assert [node.status("wsrep_cluster_size") for node in cluster.nodes] == ["3", "3", "3"]
    assert [shop.workers() for shop in shops] == workers, "an app was restarted"
    record = traffic.record
    proof.report(
        acknowledged=len(record.orders) + len(record.returns),
        lost=0,
        responses_with_503=record.statuses[503],
        slowest_response=f"{record.slowest:.1f} s",
        recovered_after=f"{max(recoveries):.1f} s",
        rejoined_after=f"{max(rejoins):.1f} s",
    )


def test_missing_lock_and_stale_reads_on_three_nodes_are_detected(cluster, redis, engine):
    """Control: with stock read without a lock, and reads that do not wait for other nodes, the checks fail."""
    with shops_on(cluster, redis, "unguarded+no_sync_wait") as sabotaged:
        assert stale_reads(cluster, sabotaged, 2)
        sellers, parts = sell_out(sabotaged, 8, 24)
        sold = sum((seller.sold for seller in sellers), Counter())
        assert broken_invariants(engine) or sold != dict.fromkeys(parts, 8)
