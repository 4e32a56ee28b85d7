"""The shop itself: a single row."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLE_OPTIONS: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    op.create_table(
        "shop",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("address", sa.String(length=500), nullable=True),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column("email", sa.String(length=255), nullable=True),
        sa.Column("phone", sa.String(length=20), nullable=True),
        sa.Column("tax_number", sa.String(length=50), nullable=True),
        sa.Column("registration", sa.String(length=50), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("labor_rate_cents", sa.BigInteger(), nullable=False),
        sa.Column("prices_include_tax", sa.Boolean(), nullable=False),
        sa.Column("supplies_percent", sa.Integer(), nullable=True),
        sa.Column("supplies_minimum_cents", sa.BigInteger(), nullable=True),
        sa.Column("supplies_maximum_cents", sa.BigInteger(), nullable=True),
        sa.Column("estimate_days", sa.Integer(), nullable=False),
        sa.Column("tolerance_percent", sa.Integer(), nullable=True),
        sa.Column("tolerance_amount_cents", sa.BigInteger(), nullable=True),
        sa.Column("tolerance_rule", sa.String(length=10), nullable=False),
        sa.Column("tolerance_maximum_cents", sa.BigInteger(), nullable=True),
        sa.Column("payment_days", sa.Integer(), nullable=False),
        sa.Column("invoice_prefix", sa.String(length=10), nullable=False),
        sa.Column("credit_note_prefix", sa.String(length=10), nullable=False),
        sa.Column("document_footer", sa.String(length=1000), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_shop_single_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop")),
        **TABLE_OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("shop")
