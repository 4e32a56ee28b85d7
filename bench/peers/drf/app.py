"""Django REST framework on psycopg: generic views and serializers as its documentation shows."""
import os
from collections import Counter

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
from django.core.wsgi import get_wsgi_application

app = get_wsgi_application()

from django.db import transaction
from django.db.models import Prefetch, Q
from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_page
from rest_framework import exceptions, generics, pagination, serializers, status
from rest_framework.response import Response
from rest_framework.views import APIView
from shop.models import Customer, Inventory, Mechanic, StockMovement, Ticket, TicketMechanic, TicketPart

CACHE_SECONDS = 60


class Conflict(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT


class Unprocessable(exceptions.APIException):
    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY


def now():
    return timezone.now().replace(microsecond=0)


# ---------------------------------------------------------------- serializers
# FloatField writes an amount as a JSON number; DecimalField would write a string.
class InventorySerializer(serializers.ModelSerializer):
    price = serializers.FloatField()

    class Meta:
        model = Inventory
        fields = ["id", "name", "price", "quantity", "sku", "created_at", "updated_at"]


class MechanicSerializer(serializers.ModelSerializer):
    class Meta:
        model = Mechanic
        fields = ["id", "name"]


class TicketPartSerializer(serializers.ModelSerializer):
    name = serializers.CharField(source="inventory.name")
    unit_price = serializers.FloatField()
    total = serializers.FloatField()

    class Meta:
        model = TicketPart
        fields = ["inventory_id", "name", "quantity", "unit_price", "total"]


class TicketSerializer(serializers.ModelSerializer):
    customer_id = serializers.IntegerField()
    mechanics = MechanicSerializer(many=True)
    parts = TicketPartSerializer(many=True)
    parts_total = serializers.FloatField()

    class Meta:
        model = Ticket
        fields = ["id", "customer_id", "service_date", "description", "vin", "mechanics", "parts", "parts_total", "created_at", "updated_at"]


class PartIn(serializers.Serializer):
    inventory_id = serializers.IntegerField()
    quantity = serializers.IntegerField(min_value=1, default=1)


class TicketIn(serializers.Serializer):
    customer_id = serializers.IntegerField()
    service_date = serializers.DateField()
    description = serializers.CharField(max_length=2000)
    vin = serializers.CharField(max_length=50)
    mechanic_ids = serializers.ListField(child=serializers.IntegerField(), default=list)
    parts = PartIn(many=True, default=list)


class PartOffIn(PartIn):
    quantity = serializers.IntegerField(min_value=1)


class PartsChangeIn(serializers.Serializer):
    add_parts = PartIn(many=True, default=list)
    remove_parts = PartOffIn(many=True, default=list)


# ---------------------------------------------------------------- pages
class Pages(pagination.PageNumberPagination):
    """A bare array, with the total and the links in the headers."""

    page_size = 20
    page_size_query_param = "per_page"
    max_page_size = 100

    def get_paginated_response(self, data):
        page = self.page
        numbers = {"first": 1, "prev": page.number - 1, "next": page.number + 1, "last": page.paginator.num_pages}
        links = [
            f'<{self.request.path}?page={number}&per_page={page.paginator.per_page}>; rel="{rel}"'
            for rel, number in numbers.items()
            if 1 <= number <= page.paginator.num_pages
        ]
        return Response(data, headers={"X-Total-Count": page.paginator.count, "Link": ", ".join(links)})


class TicketPages(Pages):
    """Numbered pages, or with ?after=<id> the tickets after this id."""

    def paginate_queryset(self, queryset, request, view=None):
        self.request, self.after = request, request.query_params.get("after")
        if self.after is None:
            return super().paginate_queryset(queryset, request, view)
        last = get_object_or_404(Ticket.objects.only("service_date"), pk=self.after)
        beyond = Q(service_date__lt=last.service_date) | Q(service_date=last.service_date, id__lt=last.id)
        self.per_page = self.get_page_size(request)
        self.tickets = list(queryset.filter(beyond, service_date__lte=last.service_date)[: self.per_page])
        return self.tickets

    def get_paginated_response(self, data):
        if self.after is None:
            return super().get_paginated_response(data)
        full = len(data) == self.per_page
        headers = {"Link": f'<{self.request.path}?after={data[-1]["id"]}&per_page={self.per_page}>; rel="next"'} if full else {}
        return Response(data, headers=headers)


# ---------------------------------------------------------------- inventory
class InventoryList(generics.ListAPIView):
    queryset = Inventory.objects.filter(deleted_at=None).order_by("id")
    serializer_class = InventorySerializer
    pagination_class = Pages

    @method_decorator(cache_page(CACHE_SECONDS))  # On get, not on dispatch: the token is checked first.
    def get(self, request, *args, **kwargs):
        return super().get(request, *args, **kwargs)


class InventoryDetail(generics.RetrieveAPIView):
    queryset = Inventory.objects.filter(deleted_at=None)
    serializer_class = InventorySerializer


# ---------------------------------------------------------------- tickets
TICKETS = Ticket.objects.filter(deleted_at=None).prefetch_related(
    Prefetch("mechanics", Mechanic.objects.order_by("id")),
    Prefetch("parts", TicketPart.objects.select_related("inventory").order_by("inventory_id")),
)


def sums(parts):
    """Return the quantity of each part, ordered by id; a part that is listed twice adds up."""
    quantities = Counter()
    for part in parts:
        quantities[part["inventory_id"]] += part["quantity"]
    return dict(sorted(quantities.items()))


def lock_stock(ids):
    """Lock the rows of these parts in the order of their ids, so that two requests can't deadlock."""
    stock = {item.id: item for item in Inventory.objects.select_for_update().filter(id__in=ids, deleted_at=None).order_by("id")}
    if len(stock) != len(set(ids)):
        raise Unprocessable("unknown part")
    return stock


def move(item, change, ticket, user):
    """Change the stock of a locked part, and record the change in the ledger; the caller saves both."""
    if item.quantity + change < 0:
        raise Conflict({"shortages": [{"inventory_id": item.id, "requested": -change, "available": item.quantity}]})
    item.quantity += change
    item.updated_at = now()
    reason = "used" if change < 0 else "returned"
    return StockMovement(inventory=item, change=change, balance=item.quantity, reason=reason, ticket=ticket, actor=user.id, created_at=item.updated_at)


def save_stock(stock, movements):
    Inventory.objects.bulk_update(stock.values(), ["quantity", "updated_at"])
    StockMovement.objects.bulk_create(movements)


class Tickets(generics.ListAPIView):
    queryset = TICKETS.order_by("-service_date", "-id")
    serializer_class = TicketSerializer
    pagination_class = TicketPages

    def post(self, request):
        serializer = TicketIn(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = dict(serializer.validated_data)
        parts, mechanic_ids = sums(data.pop("parts")), set(data.pop("mechanic_ids"))
        with transaction.atomic():
            if Mechanic.objects.filter(id__in=mechanic_ids, deleted_at=None).count() != len(mechanic_ids):
                raise Unprocessable("unknown mechanic")
            if not Customer.objects.filter(id=data["customer_id"], deleted_at=None).exists():
                raise Unprocessable("unknown customer")
            stock = lock_stock(parts)
            created_at = now()
            ticket = Ticket.objects.create(**data, created_at=created_at, updated_at=created_at)
            TicketMechanic.objects.bulk_create(TicketMechanic(ticket=ticket, mechanic_id=id) for id in mechanic_ids)
            movements = [move(stock[item_id], -quantity, ticket, request.user) for item_id, quantity in parts.items()]
            TicketPart.objects.bulk_create(
                TicketPart(ticket=ticket, inventory_id=item_id, quantity=quantity, unit_price=stock[item_id].price) for item_id, quantity in parts.items()
            )
            save_stock(stock, movements)
        answer = TicketSerializer(TICKETS.get(pk=ticket.pk)).data
        return Response(answer, status.HTTP_201_CREATED, headers={"Location": f"/tickets/{ticket.pk}"})


class TicketDetail(generics.RetrieveAPIView):
    queryset = TICKETS
    serializer_class = TicketSerializer


class TicketInventory(APIView):
    def put(self, request, pk):
        serializer = PartsChangeIn(data=request.data)
        serializer.is_valid(raise_exception=True)
        add, remove = sums(serializer.validated_data["add_parts"]), sums(serializer.validated_data["remove_parts"])
        with transaction.atomic():
            ticket = get_object_or_404(Ticket.objects.select_for_update(), pk=pk, deleted_at=None)
            stock = lock_stock([*add, *remove])
            lines = {line.inventory_id: line for line in ticket.parts.all()}
            movements = []
            for item_id, quantity in remove.items():
                line = lines.get(item_id)
                if line is None or line.quantity < quantity:
                    raise Conflict("the ticket holds fewer")
                movements.append(move(stock[item_id], quantity, ticket, request.user))
                line.quantity -= quantity
                if line.quantity:
                    line.save(update_fields=["quantity"])
                else:
                    lines.pop(item_id).delete()
            for item_id, quantity in add.items():
                item = stock[item_id]
                movements.append(move(item, -quantity, ticket, request.user))
                if line := lines.get(item_id):
                    line.quantity += quantity
                    line.save(update_fields=["quantity"])
                else:
                    TicketPart.objects.create(ticket=ticket, inventory=item, quantity=quantity, unit_price=item.price)
            save_stock(stock, movements)
            ticket.version, ticket.updated_at = ticket.version + 1, now()
            ticket.save(update_fields=["version", "updated_at"])
        return Response(TicketSerializer(TICKETS.get(pk=pk)).data)


urlpatterns = [
    path("inventory", InventoryList.as_view()),
    path("inventory/<int:pk>", InventoryDetail.as_view()),
    path("tickets", Tickets.as_view()),
    path("tickets/<int:pk>", TicketDetail.as_view()),
    path("tickets/<int:pk>/inventory", TicketInventory.as_view()),
]
