"""Flask with Flask-SQLAlchemy, flask-marshmallow, Flask-Caching and PyJWT on psycopg, as their documentation shows."""
import os
from collections import Counter
from collections.abc import Iterable
from functools import wraps

import jwt
from flask import Flask, abort, g, jsonify, make_response, request
from flask_caching import Cache
from flask_marshmallow import Marshmallow
from flask_sqlalchemy import SQLAlchemy
from marshmallow import Schema, ValidationError, fields, validate
from models import Base, Customer, Inventory, Mechanic, StockMovement, Ticket, TicketPart
from sqlalchemy import select, tuple_
from sqlalchemy.orm import selectinload

SECRET = os.environ["JWT_SECRET"]
CACHE_SECONDS = 60
UTC_SECONDS = "%Y-%m-%dT%H:%M:%SZ"

db = SQLAlchemy(model_class=Base)
ma = Marshmallow()
cache = Cache()


# ---------------------------------------------------------------- schemas
class InventorySchema(ma.SQLAlchemySchema):
    class Meta:
        model = Inventory

    id = ma.auto_field()
    name = ma.auto_field()
    price = fields.Float()
    quantity = ma.auto_field()
    sku = ma.auto_field()
    created_at = fields.DateTime(UTC_SECONDS)
    updated_at = fields.DateTime(UTC_SECONDS)


class MechanicSchema(ma.SQLAlchemySchema):
    class Meta:
        model = Mechanic

    id = ma.auto_field()
    name = ma.auto_field()


class TicketPartSchema(ma.SQLAlchemySchema):
    class Meta:
        model = TicketPart

    inventory_id = fields.Integer()
    name = fields.String()
    quantity = ma.auto_field()
    unit_price = fields.Float()
    total = fields.Float()


class TicketSchema(ma.SQLAlchemySchema):
    class Meta:
        model = Ticket

    id = ma.auto_field()
    customer_id = fields.Integer()
    service_date = ma.auto_field()
    description = ma.auto_field()
    vin = ma.auto_field()
    mechanics = fields.Nested(MechanicSchema, many=True)
    parts = fields.Nested(TicketPartSchema, many=True)
    parts_total = fields.Float()
    created_at = fields.DateTime(UTC_SECONDS)
    updated_at = fields.DateTime(UTC_SECONDS)


class PartIn(Schema):
    inventory_id = fields.Integer(required=True, strict=True)
    quantity = fields.Integer(load_default=1, strict=True, validate=validate.Range(min=1))


class TicketIn(Schema):
    customer_id = fields.Integer(required=True, strict=True)
    service_date = fields.Date(required=True)
    description = fields.String(required=True, validate=validate.Length(1, 2000))
    vin = fields.String(required=True, validate=validate.Length(1, 50))
    mechanic_ids = fields.List(fields.Integer(strict=True), load_default=list)
    parts = fields.List(fields.Nested(PartIn), load_default=list)


class PartOffIn(PartIn):
    quantity = fields.Integer(required=True, strict=True, validate=validate.Range(min=1))


class PartsChangeIn(Schema):
    add_parts = fields.List(fields.Nested(PartIn), load_default=list)
    remove_parts = fields.List(fields.Nested(PartOffIn), load_default=list)


inventory_schema = InventorySchema()
inventories_schema = InventorySchema(many=True)
ticket_schema = TicketSchema()
tickets_schema = TicketSchema(many=True)
ticket_in = TicketIn()
parts_change_in = PartsChangeIn()


# ---------------------------------------------------------------- errors, access, pages
class OutOfStock(Exception):
    def __init__(self, item: Inventory, requested: int):
        self.shortages = [{"inventory_id": item.id, "requested": requested, "available": item.quantity}]


def token_required(view):
    @wraps(view)
    def guarded(*args, **kwargs):
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            g.user = jwt.decode(token, SECRET, algorithms=["HS256"], options={"require": ["exp", "sub"]})["sub"]
        except jwt.InvalidTokenError:
            return jsonify(message="sign in first"), 401, {"WWW-Authenticate": "Bearer"}
        return view(*args, **kwargs)

    return guarded


def page_headers(found) -> dict[str, str]:
    last = max(1, found.pages)
    pages = {"first": 1, "prev": found.prev_num, "next": found.next_num, "last": last}
    links = [f'<{request.path}?page={number}&per_page={found.per_page}>; rel="{rel}"' for rel, number in pages.items() if number]
    return {"X-Total-Count": str(found.total), "Link": ", ".join(links)}


# ---------------------------------------------------------------- stock
def sums(parts: list[dict]) -> dict[int, int]:
    """Return the quantity of each part, ordered by id; a part that is listed twice adds up."""
    quantities = Counter()
    for part in parts:
        quantities[part["inventory_id"]] += part["quantity"]
    return dict(sorted(quantities.items()))


def lock_stock(ids: Iterable[int]) -> dict[int, Inventory]:
    """Lock the rows of these parts in the order of their ids, so that two requests can't deadlock."""
    found = select(Inventory).where(Inventory.id.in_(set(ids)), Inventory.deleted_at.is_(None)).order_by(Inventory.id).with_for_update()
    # Rows that the session read before the lock may be stale.
    rows = db.session.scalars(found.execution_options(populate_existing=True))
    stock = {item.id: item for item in rows}
    if len(stock) != len(set(ids)):
        abort(422, "unknown part")
    return stock


def move(item: Inventory, change: int, ticket: Ticket) -> None:
    """Change the stock of a locked part, and record the change in the ledger."""
    if item.quantity + change < 0:
        raise OutOfStock(item, -change)
    item.quantity += change
    reason = "used" if change < 0 else "returned"
    db.session.add(StockMovement(inventory_id=item.id, change=change, balance=item.quantity, reason=reason, ticket=ticket, actor=g.user))


# ---------------------------------------------------------------- the application
WHOLE = (selectinload(Ticket.mechanics), selectinload(Ticket.parts).joinedload(TicketPart.inventory))
NEWEST_FIRST = select(Ticket).where(Ticket.deleted_at.is_(None)).order_by(Ticket.service_date.desc(), Ticket.id.desc()).options(*WHOLE)


def create_app() -> Flask:
    app = Flask(__name__)
    app.config.update(
        SQLALCHEMY_DATABASE_URI=os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1),
        SQLALCHEMY_ENGINE_OPTIONS={"pool_size": int(os.environ.get("POOL", "8")), "max_overflow": 0, "connect_args": {"options": "-c timezone=UTC"}},
        CACHE_TYPE="SimpleCache",
    )
    app.json.sort_keys = False
    for extension in (db, ma, cache):
        extension.init_app(app)

    @app.errorhandler(OutOfStock)
    def out_of_stock(error):
        db.session.rollback()
        return jsonify(shortages=error.shortages), 409

    @app.errorhandler(ValidationError)
    def invalid(error):
        return jsonify(errors=error.messages), 422

    @app.get("/inventory")
    @token_required
    @cache.cached(timeout=CACHE_SECONDS, query_string=True)
    def list_inventory():
        found = db.paginate(select(Inventory).where(Inventory.deleted_at.is_(None)).order_by(Inventory.id), max_per_page=100)
        return make_response(inventories_schema.dump(found.items), page_headers(found))

    @app.get("/inventory/<int:item_id>")
    @token_required
    def get_inventory(item_id):
        item = db.get_or_404(Inventory, item_id)
        return inventory_schema.dump(item) if item.deleted_at is None else abort(404)

    @app.get("/tickets")
    @token_required
    def list_tickets():
        after = request.args.get("after", type=int)
        if after is None:
            found = db.paginate(NEWEST_FIRST, max_per_page=100)
            return tickets_schema.dump(found.items), page_headers(found)
        per_page = min(request.args.get("per_page", 20, type=int), 100)
        date_of_after = select(Ticket.service_date).where(Ticket.id == after).scalar_subquery()
        beyond = tuple_(Ticket.service_date, Ticket.id) < tuple_(date_of_after, after)
        tickets = db.session.scalars(NEWEST_FIRST.where(beyond).limit(per_page)).all()
        headers = {"Link": f'</tickets?after={tickets[-1].id}&per_page={per_page}>; rel="next"'} if len(tickets) == per_page else {}
        return tickets_schema.dump(tickets), headers

    @app.get("/tickets/<int:ticket_id>")
    @token_required
    def get_ticket(ticket_id):
        ticket = db.get_or_404(Ticket, ticket_id, options=WHOLE)
        return ticket_schema.dump(ticket) if ticket.deleted_at is None else abort(404)

    @app.post("/tickets")
    @token_required
    def create_ticket():
        data = ticket_in.load(request.get_json())
        parts, mechanic_ids = sums(data.pop("parts")), set(data.pop("mechanic_ids"))
        mechanics = db.session.scalars(select(Mechanic).where(Mechanic.id.in_(mechanic_ids), Mechanic.deleted_at.is_(None)).order_by(Mechanic.id)).all()
        if len(mechanics) != len(mechanic_ids):
            abort(422, "unknown mechanic")
        customer = db.session.get(Customer, data["customer_id"])
        if customer is None or customer.deleted_at:
            abort(422, "unknown customer")
        stock = lock_stock(parts)
        ticket = Ticket(**data, mechanics=list(mechanics))
        db.session.add(ticket)
        for item_id, quantity in parts.items():
            item = stock[item_id]
            move(item, -quantity, ticket)
            ticket.parts.append(TicketPart(inventory=item, quantity=quantity, unit_price=item.price))
        db.session.commit()
        return ticket_schema.dump(ticket), 201, {"Location": f"/tickets/{ticket.id}"}

    @app.put("/tickets/<int:ticket_id>/inventory")
    @token_required
    def change_parts(ticket_id):
        data = parts_change_in.load(request.get_json())
        ticket = db.session.get(Ticket, ticket_id, options=WHOLE, with_for_update={"of": Ticket})
        if ticket is None or ticket.deleted_at:
            abort(404)
        add, remove = sums(data["add_parts"]), sums(data["remove_parts"])
        stock = lock_stock([*add, *remove])
        lines = {line.inventory_id: line for line in ticket.parts}
        for item_id, quantity in remove.items():
            line = lines.get(item_id)
            if line is None or line.quantity < quantity:
                abort(409, "the ticket holds fewer")
            move(stock[item_id], quantity, ticket)
            line.quantity -= quantity
            if line.quantity == 0:
                ticket.parts.remove(lines.pop(item_id))
        for item_id, quantity in add.items():
            item = stock[item_id]
            move(item, -quantity, ticket)
            if line := lines.get(item_id):
                line.quantity += quantity
            else:
                ticket.parts.append(TicketPart(inventory=item, quantity=quantity, unit_price=item.price))
        ticket.version += 1
        db.session.commit()
        return ticket_schema.dump(ticket)

    return app


app = create_app()
