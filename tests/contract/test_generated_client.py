"""Run a Python client that openapi-python-client generates from docs/openapi.json against a running shop."""

import importlib
import subprocess
import sys
from datetime import date

import pytest

from config import ROOT
from tests.support.start import ADMIN, Start, copy_of_the_shop

PACKAGE = "my_mechanic_shop_client"
CONFIG = "post_hooks: []\n"


@pytest.fixture
def generated(tmp_path, monkeypatch):
    """Return a function that imports a module of the generated client by its path in the package."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    options = ["--path", ROOT / "docs" / "openapi.json", "--config", tmp_path / "config.yaml", "--fail-on-warning"]
    command = [sys.executable, "-m", "openapi_python_client", "generate", *options, "--output-path", tmp_path / "client"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    monkeypatch.syspath_prepend(str(tmp_path / "client"))
    yield lambda path: importlib.import_module(f"{PACKAGE}.{path}")
    for name in [name for name in sys.modules if name.startswith(PACKAGE)]:
        del sys.modules[name]


@pytest.fixture
def shop(tmp_path):
    (tmp_path / "shop").mkdir()
    with Start(copy_of_the_shop(tmp_path / "shop"), **ADMIN) as started:
        yield f"http://127.0.0.1:{started.port}"


def test_generated_client_opens_changes_and_deletes_a_ticket(generated, shop):
    models, client = generated("models"), generated("client")

    def call(path, *args, **kwargs):
        return generated(f"api.{path}").sync(*args, **kwargs)

    with client.Client(base_url=shop) as anyone:
        credentials = models.LoginIn(email=ADMIN["ADMIN_EMAIL"], password=ADMIN["ADMIN_PASSWORD"])
        token = call("mechanic.log_in_mechanic", client=anyone, body=credentials).token
        new = models.CustomerIn(name="Bea Driver", email="bea@example.com", password="twelve horses")
        customer = call("customer.register_customer", client=anyone, body=new, idempotency_key="registration")
    assert customer.phone is None
    with client.AuthenticatedClient(base_url=shop, token=token) as admin:
        part = call("inventory.create_part", client=admin, body=models.PartIn(name="Pad", price=19.99, quantity=5))
        assert part.price == 19.99
        opened = models.TicketIn(
            customer_id=customer.id,
            service_date=date(2026, 11, 24),
            description="Replace the pads",
            vin="1HGCM82633A004352",
            parts=[models.PartLineIn(inventory_id=part.id, quantity=2)],
        )
        ticket = call("service_ticket.open_ticket", client=admin, body=opened)
        assert (ticket.service_date, ticket.parts_total) == (date(2026, 11, 24), 39.98)
        fewer = models.PartsChange(remove_parts=[models.PartLineOff(inventory_id=part.id, quantity=1)])
        assert call("service_ticket.change_parts", ticket.id, client=admin, body=fewer).parts[0].quantity == 1
        too_many = models.PartsChange(add_parts=[models.PartLineIn(inventory_id=part.id, quantity=9)])
        refused = call("service_ticket.change_parts", ticket.id, client=admin, body=too_many)
        assert (refused.status, refused.code, refused.shortages[0].available) == (409, "out_of_stock", 4)
        assert [each.id for each in call("service_ticket.list_tickets", client=admin, customer_id=customer.id)] == [ticket.id]
        assert call("service_ticket.list_tickets", client=admin, after=ticket.id) == []
        call("service_ticket.delete_ticket", ticket.id, client=admin)
        assert call("inventory.get_part", part.id, client=admin).quantity == 5
