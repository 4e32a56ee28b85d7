"""A cluster of three MariaDB nodes, each with a shop of its own that writes to it: one stock, whoever sells."""

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
from tests.support.invariants import faults
from tests.support.needs import needs
from tests.support.processes import until
from tests.support.servers import Redis
from tests.support.shop import Shop
from tests.support.together import at_once
from tests.support.traffic import Traffic, made, require_truth

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
    """Three shops that share a Redis, each on another node; sabotaged where a mistake is named."""
    with ExitStack() as ending:
        shops = []
        for number in range(3):
            shop = Shop(cluster.url(number), redis=redis.url)
            ending.callback(shop.remove)
            if mistake:
                shop.program.command = [shop.program.command[0], str(sabotage.__file__), mistake]
            shops.append(shop)
        shops[0].start()  # It makes the tables, on all nodes.
        for shop in shops[1:]:
            shop.program.start()
        for shop in shops[1:]:
            until(shop.is_ready, 60, "a shop's start")
        yield shops


@pytest.fixture(scope="module")
def shops(cluster, redis):
    with shops_on(cluster, redis) as opened:
        yield opened


@pytest.fixture(scope="module")
def engine(cluster):
    """The first node, to look at what is left behind."""
    made_here = create_engine(database_url(cluster.nodes[0].url()), pool_pre_ping=True)
    with made_here.connect() as connection:
        connection.execute(text("SET GLOBAL wsrep_sync_wait = 7"))
    yield made_here
    made_here.dispose()


class Counterhand:
    """Someone who sells from one node."""

    def __init__(self, shop, token):
        self.client, self.statuses, self.sold = shop.client(token, timeout=60), Counter(), Counter()
        self.tickets = set()

    def sell(self, owner, parts, orders, dice):
        """Order one to three parts over and over; a shortage is an answer, too."""
        with closing(self.client):
            for _ in range(orders):
                lines = [{"inventory_id": part, "quantity": 1} for part in dice.sample(parts, dice.randint(1, 3))]
                ticket = {"customer_id": owner, "service_date": "2026-11-24", "vin": "RUSH", "description": uuid.uuid4().hex}
                answer = self.client.call("POST", "/tickets", ticket | {"parts": lines}, uuid.uuid4().hex)
                self.statuses[answer.status] += 1
                if answer.status == 201:
                    self.sold.update(line["inventory_id"] for line in lines)
                    self.tickets.add(ticket["description"])


def sell_out(shops, stock, orders):
    """Six people on three nodes sell three parts; what each was told, and the ids of the parts."""
    token = shops[0].admin_token()
    with closing(shops[0].client(token)) as admin:
        person = {"name": "Ann", "email": f"{uuid.uuid4().hex}@example.com", "password": "correct horse"}
        owner = made(admin.call("POST", "/customers", person))
        part = {"name": "Pad", "price": 1, "quantity": stock}
        parts = [made(admin.call("POST", "/inventory", part)) for _ in range(3)]
    hands = [Counterhand(shops[number % 3], token) for number in range(6)]
    threads = [
        threading.Thread(target=hand.sell, args=(owner, parts, orders // 6, Random(seed))) for seed, hand in enumerate(hands)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(600)
    return hands, parts


def conflicts(cluster):
    """How often a transaction of one node has met one of another so far."""
    return sum(
        int(node.status(name)) for node in cluster.nodes for name in ("wsrep_local_cert_failures", "wsrep_local_bf_aborts")
    )


def test_three_nodes_sell_one_stock(cluster, shops, engine, proof):
    """Six people on three Galera nodes order 1–3 parts each until nothing is left: exactly what was there is sold, each
    acknowledged order is there once, and no client sees that transactions of two nodes met: each is tried again."""
    met, stock = conflicts(cluster), proof.size(40, 300)
    hands, parts = sell_out(shops, stock, proof.size(120, 900))
    statuses = sum((hand.statuses for hand in hands), Counter())
    sold = sum((hand.sold for hand in hands), Counter())
    assert statuses.keys() == {201, 409}
    assert sold == dict.fromkeys(parts, stock)
    with engine.connect() as connection:
        left = connection.execute(
            text("SELECT quantity FROM inventory WHERE id IN :ids").bindparams(ids=tuple(parts))
        ).scalars()
        assert list(left) == [0, 0, 0]
        orders = connection.execute(text("SELECT description FROM service_tickets WHERE vin = 'RUSH'")).scalars().all()
    assert Counter(orders) == Counter(order for hand in hands for order in hand.tickets)
    assert faults(engine) == []
    met = conflicts(cluster) - met
    assert met, "the nodes were never in each other's way"
    proof.saw(orders=sum(statuses.values()), sold=sold.total(), oversold=0, conflicts_retried=met)


def test_one_key_on_two_nodes_is_done_once(shops, engine, proof):
    """The same key and body on all three nodes at once: it is done once, the others get that answer again or 409."""
    token, seen = shops[0].admin_token(), Counter()
    clients = [shop.client(token) for shop in shops]
    for _ in range(proof.size(15, 200)):
        part = {"name": f"Once {uuid.uuid4().hex}", "price": 1, "quantity": 3}
        key = uuid.uuid4().hex
        answers = at_once(*(partial(client.call, "POST", "/inventory", part, key) for client in clients))
        new = [answer.body["id"] for answer in answers if answer.status == 201]
        assert len(set(new)) == 1, answers
        assert sorted(answer.status for answer in answers if answer.status != 201) == [409] * (3 - len(new))
        assert sum(answer.headers.get("idempotency-replayed") is None for answer in answers if answer.status == 201) == 1
        seen.update("replayed" if "idempotency-replayed" in answer.headers else answer.status for answer in answers)
        with engine.connect() as connection:
            named = text("SELECT COUNT(*) FROM inventory WHERE name = :name")
            assert connection.execute(named, {"name": part["name"]}).scalar() == 1
    for client in clients:
        client.close()
    assert faults(engine) == []
    proof.saw(keys=seen[201], replays=seen["replayed"], in_flight=seen[409])


@contextmanager
def lagging(node, seconds):
    """A node that applies what the others write only after so many seconds; it can be read meanwhile."""
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
    """How often something that one node has answered was not to be seen on another right afterwards, out of how many."""
    token = shops[0].admin_token()
    writer, *readers = [shop.client(token) for shop in shops]
    stale, new = 0, {"price": 1, "quantity": 1}
    seen = made(writer.call("POST", "/inventory", new | {"name": "Seen"}))
    for number in range(rounds):
        reader, name, listed = readers[number % 2], uuid.uuid4().hex, f"/inventory?per_page=100&after={seen}"
        assert reader.call("GET", listed).status == 200, "the list from before is in the cache"
        with lagging(cluster.nodes[1 + number % 2], 0.3):
            made(writer.call("POST", "/inventory", new | {"name": name}))
            found = reader.call("GET", listed if number % 4 < 2 else f"/inventory?q={name}")
            stale += name not in [each["name"] for each in found.body]
    for client in (writer, *readers):
        client.close()
    return stale


def test_what_one_node_has_answered_another_shows(cluster, shops, proof):
    """A list and a record that are read on one node after an answered write on another show it, also where the node lags."""
    rounds = proof.size(6, 50)
    assert stale_reads(cluster, shops, rounds) == 0
    proof.saw(reads=rounds, stale=0)


def test_a_node_is_killed_and_rejoins(cluster, shops, engine, proof):
    """A Galera node is killed under load and rejoins, its shop going on at another node: every acknowledged order and
    refund is there once, a 503 only while the cluster notices, and no client sees a conflict."""
    workers = [shop.workers() for shop in shops]
    with Traffic(*shops, insisting=6, plain=3, reading=3) as traffic:
        back, rejoined = [], []
        for number in [2] if not proof.full else [2, 1]:
            time.sleep(proof.size(1.5, 10))
            with traffic.fault():
                cluster.nodes[number].kill()
                back.append(traffic.goes_on(15))
            began = time.monotonic()
            cluster.nodes[number].rejoin()
            rejoined.append(time.monotonic() - began)
            time.sleep(proof.size(1, 10))
    require_truth(traffic, engine)
    assert [node.status("wsrep_cluster_size") for node in cluster.nodes] == ["3", "3", "3"]
    assert [shop.workers() for shop in shops] == workers, "the apps themselves went on"
    ledger = traffic.ledger
    proof.saw(
        acknowledged=len(ledger.orders) + len(ledger.refunds),
        lost=0,
        answers_of_503=ledger.statuses[503],
        slowest=f"{ledger.slowest:.1f} s",
        back_after=f"{max(back):.1f} s",
        rejoined_after=f"{max(rejoined):.1f} s",
    )


def test_careless_shops_on_three_nodes_would_be_found(cluster, redis, engine):
    """Where the stock is read without a lock, and a read does not wait for the other nodes' writes, the checks say so."""
    with shops_on(cluster, redis, "unguarded+hasty") as careless:
        assert stale_reads(cluster, careless, 2)
        hands, parts = sell_out(careless, 8, 24)
        sold = sum((hand.sold for hand in hands), Counter())
        assert faults(engine) or sold != dict.fromkeys(parts, 8)
