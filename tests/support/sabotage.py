"""Sabotaged builds of the shop, one for each mistake that a test must detect.

``python tests/support/sabotage.py unguarded`` serves like ``python run.py``, with one mistake in its workers.
"""

import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DELAY = 0.03
"""Seconds added between the steps of a mistake, so that a short test runs into it."""


def replace(owner, name, value):
    """Set an existing attribute. A name that was changed in the app is an error, not a mistake without effect."""
    assert hasattr(owner, name), f"{owner} has no {name}"
    setattr(owner, name, value)


def unguarded():
    """Read a quantity without a lock and write it as a number instead of a difference."""
    from sqlalchemy import select, update

    from app.blueprints.inventory import stock
    from app.models import inventory, ticket_parts
    from app.utils.db.statements import execute, fetch_all

    unlocked = select(inventory.c.id, inventory.c.price_cents, inventory.c.quantity)
    lines = select(ticket_parts.c.inventory_id, ticket_parts.c.quantity)

    def lock_parts(part_ids, ticket_id=0):
        on_ticket = dict(fetch_all(lines.where(ticket_parts.c.ticket_id == ticket_id)))
        rows = fetch_all(unlocked.where(inventory.c.id.in_(list(part_ids))))
        time.sleep(DELAY)
        return {
            row.id: stock.LockedPart(row.id, row.price_cents, row.quantity, False, on_ticket.get(row.id, 0)) for row in rows
        }

    def transfer(returned, used, parts, ticket_id):
        ids = sorted(returned.keys() | used.keys())
        changes = [(part_id, returned.get(part_id, 0) - used.get(part_id, 0)) for part_id in ids]
        for part_id, difference in changes:
            remaining = parts[part_id].quantity + difference
            if remaining < 0:
                raise stock.OutOfStock(
                    [{"inventory_id": part_id, "requested": -difference, "available": remaining - difference}]
                )
            execute(update(inventory).where(inventory.c.id == part_id).values(quantity=remaining))
        stock.append_to_ledger(changes, parts, ticket_id)

    replace(stock, "lock_parts", lock_parts)
    replace(stock, "transfer", transfer)


def early_commit():
    """Commit the stock before the stock movement is appended."""
    from app.blueprints.inventory import stock
    from app.utils.db.transactions import current_transaction

    real = stock.append_to_ledger

    def append_to_ledger(*args, **kwargs):
        connection = current_transaction().connection
        connection.commit()
        connection.begin()
        time.sleep(DELAY)
        real(*args, **kwargs)

    replace(stock, "append_to_ledger", append_to_ledger)


def late_key():
    """Look up an idempotency key before the work, and store it in a separate transaction after the commit."""
    from sqlalchemy import insert

    from app.utils.api import idempotency
    from app.utils.context import secret_keys
    from app.utils.db.statements import execute, fetch_one
    from app.utils.db.transactions import after_commit, transaction

    def claim(caller, key):
        row = fetch_one(idempotency.FIND, {"of_caller": caller, "of_key": key})
        return idempotency.replay(row) if row else None

    def store(caller, key, response):
        row = {"caller": caller, "key": key, "fingerprint": idempotency.fingerprint(secret_keys()[0])}
        row |= {"status": response.status_code, "location": response.headers.get("Location"), "body": response.get_data()}
        after_commit(lambda: (time.sleep(DELAY), transaction(lambda: execute(insert(idempotency.keys).values(row)))()))

    replace(idempotency, "claim", claim)
    replace(idempotency, "store", store)


def late_revocation():
    """Cache accounts for longer than docs/guarantees.md allows, and count admins without a lock."""
    from sqlalchemy import select

    from app.blueprints.mechanic import service
    from app.models import mechanics
    from app.utils.auth import token_cache
    from app.utils.db.statements import fetch_all

    unlocked = select(mechanics.c.id).where(service.NOT_DELETED, mechanics.c.role == "admin")

    def require_other_admin(mechanic_id):
        admins = [row.id for row in fetch_all(unlocked)]
        time.sleep(10 * DELAY)
        if admins == [mechanic_id]:
            raise service.LastAdmin

    replace(token_cache, "CACHE_SECONDS", 3.0)
    replace(service, "require_other_admin", require_other_admin)


def no_retry():
    """Invalidate the cache once, without a retry if Redis is down, and trust the cached lists after a reconnect."""
    from app.blueprints.inventory.cache import InventoryCache
    from app.utils.redis import RedisClient

    replace(InventoryCache, "_retry_invalidation", lambda _: None)
    replace(RedisClient, "_on_connect", lambda _, connection: connection.on_connect())


def no_invalidation():
    """Never invalidate the cache."""
    from app.blueprints.inventory.cache import InventoryCache

    replace(InventoryCache, "invalidate", lambda _: None)


def no_sync_wait():
    """Read from a Galera node without waiting for the writes of the other nodes."""
    from app.utils.db import engines

    real = engines.configure_mysql

    def configure_mysql(connection, record):
        real(connection, record)
        connection.query("SET SESSION wsrep_sync_wait = 0")

    engines.CONFIGURE["mysql"] = configure_mysql


MISTAKES = {
    mistake.__name__: mistake
    for mistake in (unguarded, early_commit, late_key, late_revocation, no_retry, no_invalidation, no_sync_wait)
}


def create_worker():
    """Create a worker with the mistakes in the environment variable MISTAKE, separated by ``+``."""
    from app.serving import worker

    for name in os.environ["MISTAKE"].split("+"):
        MISTAKES[name]()
    return worker.create_worker()


def main():
    os.environ["MISTAKE"] = sys.argv[1]
    sys.path.insert(0, str(ROOT))
    os.chdir(ROOT)
    import granian

    import run

    real = granian.Granian
    granian.Granian = lambda _target, **options: real("tests.support.sabotage:create_worker", **options)
    run.main()


if __name__ == "__main__":
    main()
