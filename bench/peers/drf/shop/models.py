from decimal import Decimal

from django.db import models


class Record(models.Model):
    """The columns shared by every table of the API."""

    id = models.AutoField(primary_key=True)
    version = models.IntegerField(default=1)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class Customer(Record):
    name = models.CharField(max_length=255)
    email = models.CharField(max_length=255, unique=True)
    phone = models.CharField(max_length=20, null=True)
    password_hash = models.CharField(max_length=255)

    class Meta:
        db_table = "customers"


class Mechanic(Record):
    name = models.CharField(max_length=255)
    email = models.CharField(max_length=255, unique=True)
    phone = models.CharField(max_length=20)
    salary = models.DecimalField(max_digits=10, decimal_places=2)
    role = models.CharField(max_length=10, default="mechanic")
    password_hash = models.CharField(max_length=255, null=True)

    class Meta:
        db_table = "mechanics"


class Inventory(Record):
    name = models.CharField(max_length=255)
    sku = models.CharField(max_length=64, unique=True, null=True)
    price = models.DecimalField(max_digits=10, decimal_places=2)
    quantity = models.IntegerField(default=0)

    class Meta:
        db_table = "inventory"


class Ticket(Record):
    customer = models.ForeignKey(Customer, models.PROTECT)
    service_date = models.DateField()
    description = models.CharField(max_length=2000)
    vin = models.CharField(max_length=50)
    mechanics = models.ManyToManyField(Mechanic, through="TicketMechanic")

    class Meta:
        db_table = "service_tickets"

    @property
    def parts_total(self) -> Decimal:
        return sum((part.total for part in self.parts.all()), Decimal(0))


class TicketMechanic(models.Model):
    pk = models.CompositePrimaryKey("ticket_id", "mechanic_id")
    ticket = models.ForeignKey(Ticket, models.CASCADE)
    mechanic = models.ForeignKey(Mechanic, models.PROTECT)

    class Meta:
        db_table = "ticket_mechanics"


class TicketPart(models.Model):
    pk = models.CompositePrimaryKey("ticket_id", "inventory_id")
    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="parts")
    inventory = models.ForeignKey(Inventory, models.PROTECT)
    quantity = models.IntegerField()
    unit_price = models.DecimalField(max_digits=10, decimal_places=2)

    class Meta:
        db_table = "ticket_parts"

    @property
    def total(self) -> Decimal:
        return self.unit_price * self.quantity


class StockMovement(models.Model):
    id = models.AutoField(primary_key=True)
    inventory = models.ForeignKey(Inventory, models.PROTECT)
    change = models.IntegerField()
    balance = models.IntegerField()
    reason = models.CharField(max_length=10)
    ticket = models.ForeignKey(Ticket, models.PROTECT, null=True)
    actor = models.CharField(max_length=40)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "stock_movements"
