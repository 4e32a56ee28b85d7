"""Litestar, msgspec, SQLAlchemy async on asyncpg."""
import os
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated

import jwt
import msgspec
from litestar import Litestar, Request, Response, get, post, put
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.exceptions import ClientException, NotAuthorizedException, NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.params import Parameter
from models import Customer, Inventory, Mechanic, StockMovement, Ticket, TicketPart
from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import selectinload

SECRET = os.environ["JWT_SECRET"]
CACHE_SECONDS = 60
engine = create_async_engine(
    os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://", 1),
    pool_size=int(os.environ.get("POOL", "8")),
    max_overflow=0,
)
Sessions = async_sessionmaker(engine, expire_on_commit=False)


# ---------------------------------------------------------------- dependencies
async def open_session():
    async with Sessions() as session:
        yield session


def signed_in(connection: ASGIConnection, _: BaseRouteHandler) -> None:
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    try:
        connection.state.user = jwt.decode(token, SECRET, algorithms=["HS256"], options={"require": ["exp", "sub"]})["sub"]
    except jwt.InvalidTokenError:
        raise NotAuthorizedException(headers={"WWW-Authenticate": "Bearer"})


Page = Annotated[int, Parameter(ge=1)]
PerPage = Annotated[int, Parameter(ge=1, le=100)]


# ---------------------------------------------------------------- schemas
class InventoryOut(msgspec.Struct):
    id: int
    name: str
    price: float
    quantity: int
    sku: str | None
    created_at: datetime
    updated_at: datetime


class MechanicOut(msgspec.Struct):
    id: int
    name: str


class PartOut(msgspec.Struct):
    inventory_id: int
    name: str
    quantity: int
    unit_price: float
    total: float


class TicketOut(msgspec.Struct):
    id: int
    customer_id: int
    service_date: date
    description: str
    vin: str
    mechanics: list[MechanicOut]
    parts: list[PartOut]
    parts_total: float
    created_at: datetime
    updated_at: datetime


class PartIn(msgspec.Struct, forbid_unknown_fields=True):
    inventory_id: int
    quantity: Annotated[int, msgspec.Meta(ge=1)] = 1


class TicketIn(msgspec.Struct, forbid_unknown_fields=True):
    customer_id: int
    service_date: date
    description: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
    vin: Annotated[str, msgspec.Meta(min_length=1, max_length=50)]
    mechanic_ids: list[int] = []
    parts: list[PartIn] = []


class PartOffIn(msgspec.Struct, forbid_unknown_fields=True):
    inventory_id: int
    quantity: Annotated[int, msgspec.Meta(ge=1)]


class PartsChangeIn(msgspec.Struct, forbid_unknown_fields=True):
    add_parts: list[PartIn] = []
    remove_parts: list[PartOffIn] = []


def ticket_out(ticket: Ticket) -> TicketOut:
    return msgspec.convert(ticket, TicketOut, from_attributes=True)


def inventory_out(item: Inventory) -> InventoryOut:
    return msgspec.convert(item, InventoryOut, from_attributes=True)


# ---------------------------------------------------------------- pages
def page_headers(path: str, page: int, per_page: int, total: int) -> dict[str, str]:
    last = max(1, -(-total // per_page))
    pages = {"first": 1, "prev": page - 1, "next": page + 1, "last": last}
    links = [f'<{path}?page={number}&per_page={per_page}>; rel="{rel}"' for rel, number in pages.items() if 1 <= number <= last]
    return {"X-Total-Count": str(total), "Link": ", ".join(links)}


# ---------------------------------------------------------------- inventory
@get("/inventory", cache=CACHE_SECONDS)  # Guards run before the cache is read.
async def list_inventory(session: AsyncSession, page: Page = 1, per_page: PerPage = 20) -> Response[list[InventoryOut]]:
    live = Inventory.deleted_at.is_(None)
    total = await session.scalar(select(func.count()).select_from(Inventory).where(live))
    items = await session.scalars(select(Inventory).where(live).order_by(Inventory.id).limit(per_page).offset((page - 1) * per_page))
    return Response([inventory_out(item) for item in items], headers=page_headers("/inventory", page, per_page, total))


@get("/inventory/{item_id:int}")
async def get_inventory(item_id: int, session: AsyncSession) -> InventoryOut:
    item = await session.get(Inventory, item_id)
    if item is None or item.deleted_at:
        raise NotFoundException()
    return inventory_out(item)


# ---------------------------------------------------------------- tickets
WHOLE = (selectinload(Ticket.mechanics), selectinload(Ticket.parts).joinedload(TicketPart.inventory))
NEWEST_FIRST = select(Ticket).where(Ticket.deleted_at.is_(None)).order_by(Ticket.service_date.desc(), Ticket.id.desc()).options(*WHOLE)


@get("/tickets")
async def list_tickets(session: AsyncSession, page: Page = 1, per_page: PerPage = 20, after: int | None = None) -> Response[list[TicketOut]]:
    if after is not None:
        date_of_after = select(Ticket.service_date).where(Ticket.id == after).scalar_subquery()
        beyond = tuple_(Ticket.service_date, Ticket.id) < tuple_(date_of_after, after)
        tickets = (await session.scalars(NEWEST_FIRST.where(beyond).limit(per_page))).all()
        headers = {"Link": f'</tickets?after={tickets[-1].id}&per_page={per_page}>; rel="next"'} if len(tickets) == per_page else {}
    else:
        total = await session.scalar(select(func.count()).select_from(Ticket).where(Ticket.deleted_at.is_(None)))
        tickets = (await session.scalars(NEWEST_FIRST.limit(per_page).offset((page - 1) * per_page))).all()
        headers = page_headers("/tickets", page, per_page, total)
    return Response([ticket_out(ticket) for ticket in tickets], headers=headers)


@get("/tickets/{ticket_id:int}")
async def get_ticket(ticket_id: int, session: AsyncSession) -> TicketOut:
    ticket = await session.get(Ticket, ticket_id, options=WHOLE)
    if ticket is None or ticket.deleted_at:
        raise NotFoundException()
    return ticket_out(ticket)


class Conflict(ClientException):
    status_code = 409


class Unprocessable(ClientException):
    status_code = 422


def sums(parts: list[PartIn] | list[PartOffIn]) -> dict[int, int]:
    """Return the quantity of each part, ordered by id; a part that is listed twice adds up."""
    quantities = Counter()
    for part in parts:
        quantities[part.inventory_id] += part.quantity
    return dict(sorted(quantities.items()))


async def lock_stock(session: AsyncSession, ids: Iterable[int]) -> dict[int, Inventory]:
    """Lock the rows of these parts in the order of their ids, so that two requests can't deadlock."""
    found = select(Inventory).where(Inventory.id.in_(set(ids)), Inventory.deleted_at.is_(None)).order_by(Inventory.id).with_for_update()
    # Rows that the session read before the lock may be stale.
    rows = await session.scalars(found.execution_options(populate_existing=True))
    stock = {item.id: item for item in rows}
    if len(stock) != len(set(ids)):
        raise Unprocessable("unknown part")
    return stock


def move(item: Inventory, change: int, ticket: Ticket, user: str) -> StockMovement:
    """Change the stock of a locked part, and record the change in the ledger."""
    if item.quantity + change < 0:
        raise Conflict(extra={"shortages": [{"inventory_id": item.id, "requested": -change, "available": item.quantity}]})
    item.quantity += change
    return StockMovement(inventory_id=item.id, change=change, balance=item.quantity, reason="used" if change < 0 else "returned", ticket=ticket, actor=user)


@post("/tickets")
async def create_ticket(data: TicketIn, request: Request, session: AsyncSession) -> Response[TicketOut]:
    mechanics = (await session.scalars(select(Mechanic).where(Mechanic.id.in_(data.mechanic_ids), Mechanic.deleted_at.is_(None)).order_by(Mechanic.id))).all()
    if len(mechanics) != len(set(data.mechanic_ids)):
        raise Unprocessable("unknown mechanic")
    customer = await session.get(Customer, data.customer_id)
    if customer is None or customer.deleted_at:
        raise Unprocessable("unknown customer")
    parts = sums(data.parts)
    ticket = Ticket(
        customer_id=data.customer_id, service_date=data.service_date, description=data.description, vin=data.vin, mechanics=list(mechanics), parts=[]
    )
    session.add(ticket)
    with session.no_autoflush:
        stock = await lock_stock(session, parts)
    for item_id, quantity in parts.items():
        item = stock[item_id]
        session.add(move(item, -quantity, ticket, request.state.user))
        ticket.parts.append(TicketPart(inventory=item, quantity=quantity, unit_price=item.price))
    await session.commit()
    return Response(ticket_out(ticket), headers={"Location": f"/tickets/{ticket.id}"})


@put("/tickets/{ticket_id:int}/inventory")
async def change_parts(ticket_id: int, data: PartsChangeIn, request: Request, session: AsyncSession) -> TicketOut:
    ticket = await session.get(Ticket, ticket_id, options=WHOLE, with_for_update={"of": Ticket})
    if ticket is None or ticket.deleted_at:
        raise NotFoundException()
    add, remove = sums(data.add_parts), sums(data.remove_parts)
    stock = await lock_stock(session, [*add, *remove])
    lines = {line.inventory_id: line for line in ticket.parts}
    for item_id, quantity in remove.items():
        line = lines.get(item_id)
        if line is None or line.quantity < quantity:
            raise Conflict("the ticket holds fewer")
        session.add(move(stock[item_id], quantity, ticket, request.state.user))
        line.quantity -= quantity
        if line.quantity == 0:
            ticket.parts.remove(lines.pop(item_id))
    for item_id, quantity in add.items():
        item = stock[item_id]
        session.add(move(item, -quantity, ticket, request.state.user))
        if line := lines.get(item_id):
            line.quantity += quantity
        else:
            ticket.parts.append(TicketPart(inventory=item, quantity=quantity, unit_price=item.price))
    ticket.version += 1
    await session.commit()
    return ticket_out(ticket)


app = Litestar(
    [list_inventory, get_inventory, list_tickets, get_ticket, create_ticket, change_parts],
    dependencies={"session": Provide(open_session)},
    guards=[signed_in],
    openapi_config=None,
    logging_config=None,
)
