"""The areas of the shop. AREAS is the one place to register a new one."""

from app.blueprints.accounts import routes as account
from app.blueprints.customer import routes as customer
from app.blueprints.inventory import routes as inventory
from app.blueprints.mechanic import routes as mechanic
from app.blueprints.service_ticket import routes as service_ticket
from app.blueprints.shop import routes as shop
from app.blueprints.spreadsheet import routes as spreadsheet

AREAS = (account, customer, mechanic, service_ticket, inventory, shop, spreadsheet)  # In the order of the OpenAPI document.
