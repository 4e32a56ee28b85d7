"""The shop: people, tickets, parts, and the ledger of their stock."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

UTF8: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    op.create_table(
        "customers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=True),
        sa.Column("phone", sa.String(length=20), nullable=True),
        sa.Column("password_hash", sa.String(length=255), nullable=True),
        sa.Column("token_version", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(), nullable=True),
        sa.CheckConstraint("deleted_at IS NOT NULL OR email IS NOT NULL", name=op.f("ck_customers_email_until_deleted")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customers")),
        sa.UniqueConstraint("email", name=op.f("uq_customers_email")),
        **UTF8,
    )
    op.create_table(
        "inventory",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("sku", sa.String(length=64), nullable=True),
        sa.Column("price_cents", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(), nullable=True),
        sa.CheckConstraint("price_cents >= 0", name=op.f("ck_inventory_price_not_negative")),
        sa.CheckConstraint("quantity >= 0", name=op.f("ck_inventory_quantity_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inventory")),
        sa.UniqueConstraint("sku", name=op.f("uq_inventory_sku")),
        **UTF8,
    )
    op.create_table(
        "mechanics",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("salary_cents", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=True),
        sa.Column("phone", sa.String(length=20), nullable=True),
        sa.Column("password_hash", sa.String(length=255), nullable=True),
        sa.Column("token_version", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(), nullable=True),
        sa.CheckConstraint("role IN ('mechanic', 'admin')", name=op.f("ck_mechanics_role_known")),
        sa.CheckConstraint("deleted_at IS NOT NULL OR email IS NOT NULL", name=op.f("ck_mechanics_email_until_deleted")),
        sa.CheckConstraint("salary_cents >= 0", name=op.f("ck_mechanics_salary_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mechanics")),
        sa.UniqueConstraint("email", name=op.f("uq_mechanics_email")),
        **UTF8,
    )
    op.create_table(
        "service_tickets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("service_date", sa.Date(), nullable=False),
        sa.Column("description", sa.String(length=2000), nullable=False),
        sa.Column("vin", sa.String(length=50), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_service_tickets_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_tickets")),
        **UTF8,
    )
    op.create_index("ix_service_tickets_customer", "service_tickets", ["customer_id", "service_date", "id"])
    op.create_index("ix_service_tickets_newest", "service_tickets", ["service_date", "id"])
    op.create_index("ix_service_tickets_vin", "service_tickets", ["vin", "service_date", "id"])

    op.create_table(
        "stock_movements",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("inventory_id", sa.Integer(), nullable=False),
        sa.Column("change", sa.Integer(), nullable=False),
        sa.Column("balance", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=10), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=True),
        sa.Column("mechanic_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint(
            "reason IN ('received', 'counted', 'used', 'returned')", name=op.f("ck_stock_movements_reason_known")
        ),
        sa.CheckConstraint("balance >= 0", name=op.f("ck_stock_movements_balance_not_negative")),
        sa.ForeignKeyConstraint(["inventory_id"], ["inventory.id"], name=op.f("fk_stock_movements_inventory_id")),
        sa.ForeignKeyConstraint(["mechanic_id"], ["mechanics.id"], name=op.f("fk_stock_movements_mechanic_id")),
        sa.ForeignKeyConstraint(["ticket_id"], ["service_tickets.id"], name=op.f("fk_stock_movements_ticket_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_movements")),
        **UTF8,
    )
    op.create_index("ix_stock_movements_part", "stock_movements", ["inventory_id", "id"])
    op.create_index("ix_stock_movements_ticket", "stock_movements", ["ticket_id"])

    op.create_table(
        "ticket_mechanics",
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("mechanic_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["mechanic_id"], ["mechanics.id"], name=op.f("fk_ticket_mechanics_mechanic_id")),
        sa.ForeignKeyConstraint(["ticket_id"], ["service_tickets.id"], name=op.f("fk_ticket_mechanics_ticket_id")),
        sa.PrimaryKeyConstraint("ticket_id", "mechanic_id", name=op.f("pk_ticket_mechanics")),
        **UTF8,
    )
    op.create_index("ix_ticket_mechanics_mechanic", "ticket_mechanics", ["mechanic_id", "ticket_id"])

    op.create_table(
        "ticket_parts",
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("inventory_id", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_price_cents", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_ticket_parts_quantity_positive")),
        sa.ForeignKeyConstraint(["inventory_id"], ["inventory.id"], name=op.f("fk_ticket_parts_inventory_id")),
        sa.ForeignKeyConstraint(["ticket_id"], ["service_tickets.id"], name=op.f("fk_ticket_parts_ticket_id")),
        sa.PrimaryKeyConstraint("ticket_id", "inventory_id", name=op.f("pk_ticket_parts")),
        **UTF8,
    )
    op.create_index("ix_ticket_parts_part", "ticket_parts", ["inventory_id"])


def downgrade() -> None:
    for table in (
        "ticket_parts",
        "ticket_mechanics",
        "stock_movements",
        "service_tickets",
        "mechanics",
        "inventory",
        "customers",
    ):
        op.drop_table(table)
