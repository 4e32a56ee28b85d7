"""FastAPI, pydantic, SQLAlchemy async on asyncpg."""
import os
import time
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException, Query, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from models import Customer, Inventory, Mechanic, StockMovement, Ticket, TicketPart
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
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
bearer = HTTPBearer()


# ---------------------------------------------------------------- dependencies
async def open_session():
    async with Sessions() as session:
        yield session


async def signed_in(credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]) -> str:
    try:
        return jwt.decode(credentials.credentials, SECRET, algorithms=["HS256"], options={"require": ["exp", "sub"]})["sub"]
    except jwt.InvalidTokenError:
        raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})


Session = Annotated[AsyncSession, Depends(open_session)]
User = Annotated[str, Depends(signed_in)]
Page = Annotated[int, Query(ge=1)]
PerPage = Annotated[int, Query(ge=1, le=100)]


# ---------------------------------------------------------------- schemas
class Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class InventoryOut(Out):
    id: int
    name: str
    price: float
    quantity: int
    sku: str | None
    created_at: datetime
    updated_at: datetime


class MechanicOut(Out):
    id: int
    name: str


class PartOut(Out):
    inventory_id: int
    name: str
    quantity: int
    unit_price: float
    total: float


class TicketOut(Out):
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


class In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PartIn(In):
    inventory_id: int
    quantity: int = Field(default=1, ge=1)


class TicketIn(In):
    customer_id: int
    service_date: date
    description: str = Field(min_length=1, max_length=2000)
    vin: str = Field(min_length=1, max_length=50)
    mechanic_ids: list[int] = []
    parts: list[PartIn] = []


class PartOffIn(PartIn):
    quantity: int = Field(ge=1)


class PartsChangeIn(In):
    add_parts: list[PartIn] = []
    remove_parts: list[PartOffIn] = []


inventory_list = TypeAdapter(list[InventoryOut])


# ---------------------------------------------------------------- pages
def page_headers(path: str, page: int, per_page: int, total: int) -> dict[str, str]:
    last = max(1, -(-total // per_page))
    pages = {"first": 1, "prev": page - 1, "next": page + 1, "last": last}
    links = [f'<{path}?page={number}&per_page={per_page}>; rel="{rel}"' for rel, number in pages.items() if 1 <= number <= last]
    return {"X-Total-Count": str(total), "Link": ", ".join(links)}


# ---------------------------------------------------------------- inventory
app = FastAPI()
cached: dict[tuple[int, int], tuple[float, bytes, dict[str, str]]] = {}


@app.get("/inventory", response_model=list[InventoryOut])
async def list_inventory(user: User, session: Session, page: Page = 1, per_page: PerPage = 20):
    expires, body, headers = cached.get((page, per_page), (0, b"", {}))
    if expires < time.monotonic():
        live = Inventory.deleted_at.is_(None)
        total = await session.scalar(select(func.count()).select_from(Inventory).where(live))
        items = await session.scalars(select(Inventory).where(live).order_by(Inventory.id).limit(per_page).offset((page - 1) * per_page))
        body = inventory_list.dump_json(inventory_list.validate_python(items.all()))
        headers = page_headers("/inventory", page, per_page, total)
        cached[page, per_page] = (time.monotonic() + CACHE_SECONDS, body, headers)
    return Response(body, headers=headers, media_type="application/json")


@app.get("/inventory/{item_id}", response_model=InventoryOut)
async def get_inventory(item_id: int, user: User, session: Session):
    item = await session.get(Inventory, item_id)
    if item is None or item.deleted_at:
        raise HTTPException(404)
    return item


# ---------------------------------------------------------------- tickets
WHOLE = (selectinload(Ticket.mechanics), selectinload(Ticket.parts).joinedload(TicketPart.inventory))
NEWEST_FIRST = select(Ticket).where(Ticket.deleted_at.is_(None)).order_by(Ticket.service_date.desc(), Ticket.id.desc()).options(*WHOLE)


@app.get("/tickets", response_model=list[TicketOut])
async def list_tickets(user: User, session: Session, response: Response, page: Page = 1, per_page: PerPage = 20, after: int | None = None):
    if after is not None:
        date_of_after = select(Ticket.service_date).where(Ticket.id == after).scalar_subquery()
        beyond = tuple_(Ticket.service_date, Ticket.id) < tuple_(date_of_after, after)
        tickets = (await session.scalars(NEWEST_FIRST.where(beyond).limit(per_page))).all()
        if len(tickets) == per_page:
            response.headers["Link"] = f'</tickets?after={tickets[-1].id}&per_page={per_page}>; rel="next"'
        return tickets
    total = await session.scalar(select(func.count()).select_from(Ticket).where(Ticket.deleted_at.is_(None)))
    response.headers.update(page_headers("/tickets", page, per_page, total))
    return (await session.scalars(NEWEST_FIRST.limit(per_page).offset((page - 1) * per_page))).all()


@app.get("/tickets/{ticket_id}", response_model=TicketOut)
async def get_ticket(ticket_id: int, user: User, session: Session):
    ticket = await session.get(Ticket, ticket_id, options=WHOLE)
    if ticket is None or ticket.deleted_at:
        raise HTTPException(404)
    return ticket


def sums(parts: list[PartIn]) -> dict[int, int]:
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
        raise HTTPException(422, "unknown part")
    return stock


def move(item: Inventory, change: int, ticket: Ticket, user: str) -> StockMovement:
    """Change the stock of a locked part, and record the change in the ledger."""
    if item.quantity + change < 0:
        raise HTTPException(409, {"shortages": [{"inventory_id": item.id, "requested": -change, "available": item.quantity}]})
    item.quantity += change
    return StockMovement(inventory_id=item.id, change=change, balance=item.quantity, reason="used" if change < 0 else "returned", ticket=ticket, actor=user)


@app.post("/tickets", response_model=TicketOut, status_code=201)
async def create_ticket(data: TicketIn, user: User, session: Session, response: Response):
    mechanics = (await session.scalars(select(Mechanic).where(Mechanic.id.in_(data.mechanic_ids), Mechanic.deleted_at.is_(None)).order_by(Mechanic.id))).all()
    if len(mechanics) != len(set(data.mechanic_ids)):
        raise HTTPException(422, "unknown mechanic")
    customer = await session.get(Customer, data.customer_id)
    if customer is None or customer.deleted_at:
        raise HTTPException(422, "unknown customer")
    parts = sums(data.parts)
    ticket = Ticket(**data.model_dump(exclude={"mechanic_ids", "parts"}), mechanics=list(mechanics), parts=[])
    session.add(ticket)
    with session.no_autoflush:
        stock = await lock_stock(session, parts)
    for item_id, quantity in parts.items():
        item = stock[item_id]
        session.add(move(item, -quantity, ticket, user))
        ticket.parts.append(TicketPart(inventory=item, quantity=quantity, unit_price=item.price))
    await session.commit()
    response.headers["Location"] = f"/tickets/{ticket.id}"
    return ticket


@app.put("/tickets/{ticket_id}/inventory", response_model=TicketOut)
async def change_parts(ticket_id: int, data: PartsChangeIn, user: User, session: Session):
    ticket = await session.get(Ticket, ticket_id, options=WHOLE, with_for_update={"of": Ticket})
    if ticket is None or ticket.deleted_at:
        raise HTTPException(404)
    add, remove = sums(data.add_parts), sums(data.remove_parts)
    stock = await lock_stock(session, [*add, *remove])
    lines = {line.inventory_id: line for line in ticket.parts}
    for item_id, quantity in remove.items():
        line = lines.get(item_id)
        if line is None or line.quantity < quantity:
            raise HTTPException(409, "the ticket holds fewer")
        session.add(move(stock[item_id], quantity, ticket, user))
        line.quantity -= quantity
        if line.quantity == 0:
            ticket.parts.remove(lines.pop(item_id))
    for item_id, quantity in add.items():
        item = stock[item_id]
        session.add(move(item, -quantity, ticket, user))
        if line := lines.get(item_id):
            line.quantity += quantity
        else:
            ticket.parts.append(TicketPart(inventory=item, quantity=quantity, unit_price=item.price))
    ticket.version += 1
    await session.commit()
    return ticket
