"""The shop as careless hands would have built it, so that each checker can be seen to find it out.

``python tests/harness/sabotage.py unguarded`` serves like ``python run.py``, with one thing done wrong in its workers.
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
    from app.utils.database import execute, fetch

    unlocked = select(inventory.c.id, inventory.c.price_cents, inventory.c.quantity)
    lines = select(ticket_parts.c.inventory_id, ticket_parts.c.quantity)

    def lock_parts(part_ids, ticket_id=0):
        held = dict(fetch(lines.where(ticket_parts.c.ticket_id == ticket_id)))
        rows = fetch(unlocked.where(inventory.c.id.in_(list(part_ids))))
        time.sleep(THOUGHT)
        return {row.id: stock.LockedPart(row.id, row.price_cents, row.quantity, False, held.get(row.id, 0)) for row in rows}

    def carry(back, out, shelf, ticket_id):
        changes = [(part_id, back.get(part_id, 0) - out.get(part_id, 0)) for part_id in sorted(back.keys() | out.keys())]
        for part_id, difference in changes:
            rest = shelf[part_id].quantity + difference
            if rest < 0:
                raise stock.OutOfStock([{"inventory_id": part_id, "requested": -difference, "available": rest - difference}])
            execute(update(inventory).where(inventory.c.id == part_id).values(quantity=rest))
        stock.record(changes, shelf, ticket_id)

    stock.lock_parts, stock.carry = lock_parts, carry


def early_commit():
    """The stock is committed before the ledger has its line."""
    from flask import g

    from app.blueprints.inventory import stock

    real = stock.record

    def record(*args, **named):
        g.transaction.commit()
        time.sleep(THOUGHT)
        real(*args, **named)

    stock.record = record


def late_key():
    """A key is looked up before the work, and stored after it in a transaction of its own."""
    from flask import current_app
    from sqlalchemy import insert

    from app.utils import idempotency
    from app.utils.database import after_commit, fetch_one, transaction

    real = idempotency.execute

    def claim(caller, key, _mark):
        return fetch_one(idempotency.FIND, {"caller": caller, "claimed": key})

    def execute(statement, parameters=None):
        if statement is not idempotency.KEEP:
            return real(statement, parameters)
        mark = idempotency.fingerprint(current_app.config["SECRET_KEY"])
        row = {"caller": parameters["of_caller"], "key": parameters["claimed"], "fingerprint": mark}
        row |= {"status": parameters["answered"], "location": parameters["where"], "body": parameters["answer"]}
        after_commit(lambda: (time.sleep(THOUGHT), transaction(lambda: real(insert(idempotency.keys).values(row)))()))
        return None

    idempotency.claim, idempotency.execute = claim, execute


def forgetful():
    """An account is remembered for longer than the contract allows, and admins are counted without a lock."""
    from sqlalchemy import select

    from app.blueprints.mechanic import routes
    from app.models import mechanics
    from app.utils import auth
    from app.utils.database import fetch

    unlocked = select(mechanics.c.id).where(routes.LIVE, mechanics.c.role == "admin")

    def keep_an_admin(mechanic_id):
        admins = [row.id for row in fetch(unlocked)]
        time.sleep(10 * THOUGHT)
        if admins == [mechanic_id]:
            raise routes.LastAdmin

    auth.REMEMBERED, routes.keep_an_admin = 3.0, keep_an_admin


def silent():
    """The cache is told of a write once, and never again where Redis did not hear of it; and whatever Redis says when it
    has come back is believed as before."""
    from app.blueprints.inventory.catalog import Catalog
    from app.utils.remote import Line

    Catalog.tell = Line.count_life = lambda *_: None


def deaf():
    """The cache is never told of a write."""
    from app.blueprints.inventory import catalog

    catalog.has_changed = lambda: None


def hasty():
    """A node of a cluster is read without waiting for what another has answered."""
    from app.utils import engines

    real = engines.prepare_mysql

    def prepare_mysql(connection, record):
        real(connection, record)
        connection.query("SET SESSION wsrep_sync_wait = 0")

    engines.PREPARE["mysql"] = prepare_mysql


MISTAKES = {each.__name__: each for each in (unguarded, early_commit, late_key, forgetful, silent, deaf, hasty)}


def create_worker():
    """A worker with the mistake that the environment names, or with several (``unguarded+hasty``)."""
    import run

    for name in os.environ["MISTAKE"].split("+"):
        MISTAKES[name]()
    return run.create_worker()


def main():
    os.environ["MISTAKE"] = sys.argv[1]
    sys.path.insert(0, str(ROOT))
    os.chdir(ROOT)
    import granian

    import run

    real = granian.Granian
    granian.Granian = lambda _target, **options: real("tests.harness.sabotage:create_worker", **options)
    run.main()


if __name__ == "__main__":
    main()
