"""What a search looks in, folded, beside each record that it can find."""

import re
from typing import Any
from unicodedata import normalize

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SEARCHED = {
    "customers": ("name", "email", "phone"),
    "mechanics": ("name", "email", "phone"),
    "inventory": ("name", "sku"),
    "service_tickets": ("description",),
}
BATCH_SIZE = 1000
INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufffb\U00013430-\U00013440\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0001"
    "\U000e0020-\U000e007f\U000e0100-\U000e01ef]"
)


def upgrade() -> None:
    for name, texts in SEARCHED.items():
        op.add_column(name, sa.Column("search", sa.Text(), nullable=True))
        fill(sa.table(name, *map(sa.column, ("id", "deleted_at", "search", *texts))), texts)


def fill(table: sa.TableClause, texts: tuple[str, ...]) -> None:
    """Fill the column of all records that are not deleted, in batches."""
    connection, last = op.get_bind(), 0
    page = sa.select(table).where(table.c.deleted_at.is_(None)).order_by(table.c.id).limit(BATCH_SIZE)
    change = sa.update(table).where(table.c.id == sa.bindparam("key")).values(search=sa.bindparam("folded"))
    while rows := connection.execute(page.where(table.c.id > last)).all():
        connection.execute(change, [{"key": row.id, "folded": folded(row, texts)} for row in rows])
        last = rows[-1].id


def folded(row: sa.Row[Any], texts: tuple[str, ...]) -> str:
    """Return the column as ``app.models.search`` wrote it at the time of this revision."""
    given = {name: getattr(row, name) for name in texts if getattr(row, name)}
    found = [normalize("NFC", normalize("NFD", INVISIBLE.sub("", text)).casefold()) for text in given.values()]
    if "phone" in given:
        found.append("\t" + re.sub("[^0-9]", "", given["phone"]))
    return "\n".join(found)


def downgrade() -> None:
    for name in SEARCHED:
        op.drop_column(name, "search")
