"""A shop that gets SIGTERM finishes its running requests."""

import threading
import time

import pytest
from sqlalchemy import select

from app.models import inventory
from tests.support import services
from tests.support.processes import until
from tests.support.running_shop import open_engine, shop_on

pytestmark = pytest.mark.slow
KIND = services.databases()[-1]


def test_running_request_is_answered_before_the_shop_stops(proof):
    """A request waits for a row lock when the shop gets SIGTERM: it gets 200, its change is committed and logged, and the shop
    exits with 0."""
    with shop_on(KIND, LOG_LEVEL="INFO") as shop:
        token = shop.admin_token()
        part = shop.client(token).call("POST", "/inventory", {"name": "Pad", "price": 1, "quantity": 5}).body["id"]
        responses, exit_codes = [], []

        def change():
            responses.append(shop.client(token).call("PUT", f"/inventory/{part}", {"quantity": 7}))

        with open_engine(shop) as engine, engine.connect() as blocker:
            blocker.exec_driver_sql("BEGIN IMMEDIATE" if KIND == "sqlite" else "SELECT 1")
            blocker.execute(select(inventory).where(inventory.c.id == part).with_for_update())
            writer, stopper = threading.Thread(target=change), threading.Thread(target=lambda: exit_codes.append(shop.stop()))
            writer.start()
            time.sleep(0.5)
            stopper.start()
            time.sleep(0.5)
            assert not responses
            blocker.rollback()
            released_at = time.monotonic()
            writer.join(10)
            until(lambda: exit_codes, 10, "the exit")
            proof.report(seconds_until_the_exit=round(time.monotonic() - released_at, 2))
            assert [response.status for response in responses] == [200]
            assert exit_codes == [0]
            assert f"/inventory/{part} 200" in shop.program.log.read_text(), "the last line of the log is missing"
            assert blocker.execute(select(inventory.c.quantity).where(inventory.c.id == part)).scalar_one() == 7
