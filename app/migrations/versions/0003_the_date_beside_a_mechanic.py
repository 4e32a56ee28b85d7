"""The date of a ticket beside each of its mechanics, so that a mechanic's tickets are found newest first."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NEWEST, THEIRS, BEFORE = "ix_service_tickets_newest", "ix_ticket_mechanics_newest", "ix_ticket_mechanics_mechanic"
DATED, PLAIN = "fk_ticket_mechanics_service_date", "fk_ticket_mechanics_ticket_id"


def upgrade() -> None:
    op.drop_index(NEWEST, "service_tickets")
    op.create_index(NEWEST, "service_tickets", ["service_date", "id"], unique=True)
    op.add_column("ticket_mechanics", sa.Column("service_date", sa.Date(), nullable=True))
    op.execute("UPDATE ticket_mechanics SET service_date = (SELECT service_date FROM service_tickets WHERE id = ticket_id)")
    with op.batch_alter_table("ticket_mechanics") as table:
        table.alter_column("service_date", existing_type=sa.Date(), nullable=False)
        table.drop_constraint(PLAIN, type_="foreignkey")
        table.create_foreign_key(
            DATED, "service_tickets", ["service_date", "ticket_id"], ["service_date", "id"], onupdate="CASCADE"
        )
        table.create_index(THEIRS, ["mechanic_id", "service_date", "ticket_id"])
        table.drop_index(BEFORE)


def downgrade() -> None:
    with op.batch_alter_table("ticket_mechanics") as table:
        table.create_index(BEFORE, ["mechanic_id", "ticket_id"])
        table.drop_index(THEIRS)
        table.drop_constraint(DATED, type_="foreignkey")
        if op.get_context().dialect.name == "mysql":
            table.drop_index(DATED)  # MySQL and MariaDB made it with the foreign key, and leave it behind.
        table.create_foreign_key(PLAIN, "service_tickets", ["ticket_id"], ["id"])
        table.drop_column("service_date")
    op.drop_index(NEWEST, "service_tickets")
    op.create_index(NEWEST, "service_tickets", ["service_date", "id"])
