"""The areas of the shop. BLUEPRINTS is the one place to register a new area."""

from app.blueprints.customer.routes import blp as customer_blueprint
from app.blueprints.inventory.routes import blp as inventory_blueprint
from app.blueprints.mechanic.routes import blp as mechanic_blueprint
from app.blueprints.service_ticket.routes import blp as service_ticket_blueprint
from app.blueprints.shop.routes import blp as shop_blueprint
from app.blueprints.spreadsheet.routes import blp as spreadsheet_blueprint

BLUEPRINTS = (
    customer_blueprint,
    mechanic_blueprint,
    service_ticket_blueprint,
    inventory_blueprint,
    shop_blueprint,
    spreadsheet_blueprint,
)
"""In the order of the document."""
