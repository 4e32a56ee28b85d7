"""A shop that is told to stop: what it has begun, it finishes."""

import threading
import time

import pytest
from sqlalchemy import select

from app.models import inventory
from tests.support import services
from tests.support.processes import until
from tests.support.running_shop import looking, shop_on

pytestmark = pytest.mark.slow
KIND = services.databases()[-1]


def test_a_request_in_flight_is_answered_before_the_shop_stops(proof):
    """A request waits for a part that another transaction holds when the shop is told to stop: it is answered 200, and
    what it did is there, and in the log; no later request is taken, and the shop ends with 0."""
    with shop_on(KIND, LOG_LEVEL="INFO") as shop:
        token = shop.admin_token()
        part = shop.client(token).call("POST", "/inventory", {"name": "Pad", "price": 1, "quantity": 5}).body["id"]
        answers, ends = [], []

        def change():
            answers.append(shop.client(token).call("PUT", f"/inventory/{part}", {"quantity": 7}))

        with looking(shop) as engine, engine.connect() as holder:
            holder.exec_driver_sql("BEGIN IMMEDIATE" if KIND == "sqlite" else "SELECT 1")
            holder.execute(select(inventory).where(inventory.c.id == part).with_for_update())
            writer, stopper = threading.Thread(target=change), threading.Thread(target=lambda: ends.append(shop.stop()))
            writer.start()
            time.sleep(0.5)
            stopper.start()
            time.sleep(0.5)
            assert not answers
            holder.rollback()
            released = time.monotonic()
            writer.join(10)
            until(lambda: ends, 10, "the end")
            proof.saw(seconds_to_the_end=round(time.monotonic() - released, 2))
            assert [answer.status for answer in answers] == [200]
            assert ends == [0]
            assert f"/inventory/{part} 200" in shop.program.log.read_text(), "the last line of the log is lost"
            assert holder.execute(select(inventory.c.quantity).where(inventory.c.id == part)).scalar_one() == 7
