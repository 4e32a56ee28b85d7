"""The shop as careless hands would have built it, so that each checker can be seen to find it out.

``python tests/support/sabotage.py unguarded`` serves like ``python run.py``, with one thing done wrong in its workers.
"""

import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
THOUGHT = 0.03
"""Seconds that each mistake takes to think, so that a short proof meets it."""


def unguarded():
    """A quantity is read without a lock, and written as a number instead of a difference."""
    from sqlalchemy import select, update

    from app.blueprints.inventory import stock
    from app.models import inventory, ticket_parts
    from app.utils.db.statements import execute, fetch_all

    unlocked = select(inventory.c.id, inventory.c.price_cents, inventory.c.quantity)
    lines = select(ticket_parts.c.inventory_id, ticket_parts.c.quantity)

    def lock_parts(part_ids, ticket_id=0):
        held = dict(fetch_all(lines.where(ticket_parts.c.ticket_id == ticket_id)))
        rows = fetch_all(unlocked.where(inventory.c.id.in_(list(part_ids))))
        time.sleep(THOUGHT)
        return {row.id: stock.LockedPart(row.id, row.price_cents, row.quantity, False, held.get(row.id, 0)) for row in rows}

    def transfer(returned, used, parts, ticket_id):
        ids = sorted(returned.keys() | used.keys())
        changes = [(part_id, returned.get(part_id, 0) - used.get(part_id, 0)) for part_id in ids]
        for part_id, difference in changes:
            rest = parts[part_id].quantity + difference
            if rest < 0:
                raise stock.OutOfStock([{"inventory_id": part_id, "requested": -difference, "available": rest - difference}])
            execute(update(inventory).where(inventory.c.id == part_id).values(quantity=rest))
        stock.append_to_ledger(changes, parts, ticket_id)

    stock.lock_parts, stock.transfer = lock_parts, transfer


def early_commit():
    """The stock is committed before the ledger has its line."""
    from app.blueprints.inventory import stock
    from app.utils.db.transactions import current_transaction

    real = stock.append_to_ledger

    def append_to_ledger(*args, **named):
        connection = current_transaction().connection
        connection.commit()
        connection.begin()
        time.sleep(THOUGHT)
        real(*args, **named)

    stock.append_to_ledger = append_to_ledger


def late_key():
    """A key is looked up before the work, and stored after it in a transaction of its own."""
    from sqlalchemy import insert

    from app.utils.api import idempotency
    from app.utils.context import secret_keys
    from app.utils.db.statements import execute, fetch_one
    from app.utils.db.transactions import after_commit, transaction

    def claim(caller, key):
        row = fetch_one(idempotency.FIND, {"of_caller": caller, "of_key": key})
        return idempotency.replay(row) if row else None

    def keep(caller, key, response):
        row = {"caller": caller, "key": key, "fingerprint": idempotency.fingerprint(secret_keys()[0])}
        row |= {"status": response.status_code, "location": response.headers.get("Location"), "body": response.get_data()}
        after_commit(lambda: (time.sleep(THOUGHT), transaction(lambda: execute(insert(idempotency.keys).values(row)))()))

    idempotency.claim, idempotency.keep = claim, keep


def forgetful():
    """An account is remembered for longer than the contract allows, and admins are counted without a lock."""
    from sqlalchemy import select

    from app.blueprints.mechanic import routes
    from app.models import mechanics
    from app.utils.auth import token_cache
    from app.utils.db.statements import fetch_all

    unlocked = select(mechanics.c.id).where(routes.NOT_DELETED, mechanics.c.role == "admin")

    def require_other_admin(mechanic_id):
        admins = [row.id for row in fetch_all(unlocked)]
        time.sleep(10 * THOUGHT)
        if admins == [mechanic_id]:
            raise routes.LastAdmin

    token_cache.CACHE_SECONDS, routes.require_other_admin = 3.0, require_other_admin


def silent():
    """The cache is told of a write once, and never again where Redis did not hear of it; and whatever Redis says when it
    has come back is believed as before."""
    from app.blueprints.inventory.cache import InventoryCache
    from app.utils.redis import RedisClient

    InventoryCache._retry_invalidation = lambda _: None
    RedisClient._on_connect = lambda _, connection: connection.on_connect()


def deaf():
    """The cache is never told of a write."""
    from app.blueprints.inventory.cache import InventoryCache

    InventoryCache.invalidate = lambda _: None


def hasty():
    """A node of a cluster is read without waiting for what another has answered."""
    from app.utils.db import engines

    real = engines.configure_mysql

    def configure_mysql(connection, record):
        real(connection, record)
        connection.query("SET SESSION wsrep_sync_wait = 0")

    engines.CONFIGURE["mysql"] = configure_mysql


MISTAKES = {each.__name__: each for each in (unguarded, early_commit, late_key, forgetful, silent, deaf, hasty)}


def create_worker():
    """A worker with the mistake that the environment names, or with several (``unguarded+hasty``)."""
    from app.serving import worker

    for name in os.environ["MISTAKE"].split("+"):
        MISTAKES[name]()
    return worker.create_worker()


def main():
    os.environ["MISTAKE"] = sys.argv[1]
    sys.path.insert(0, str(ROOT))
    os.chdir(ROOT)
    import run

    real = run.Granian
    run.Granian = lambda _target, **options: real("tests.support.sabotage:create_worker", **options)
    run.main()


if __name__ == "__main__":
    main()
