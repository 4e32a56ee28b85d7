"""More reasons for a movement of the stock, and a note."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

CHECK = "ck_stock_movements_reason_known"
OLD = "'received', 'counted', 'used', 'returned'"
NEW = f"{OLD}, 'scrapped', 'lost', 'found'"


def replace_check(reasons: str) -> None:
    with op.batch_alter_table("stock_movements") as table:
        table.drop_constraint(op.f(CHECK), type_="check")
        table.create_check_constraint(op.f(CHECK), f"reason IN ({reasons})")


def upgrade() -> None:
    op.add_column("stock_movements", sa.Column("note", sa.String(length=500), nullable=True))
    replace_check(NEW)


def downgrade() -> None:
    op.execute("UPDATE stock_movements SET reason = 'counted' WHERE reason IN ('scrapped', 'lost', 'found')")
    replace_check(OLD)
    op.drop_column("stock_movements", "note")
