"""A plain model of the shop: the effect of each request, and the records shown after it."""

import json

from tests.support.stock_model import Model as Stock
from tests.support.stock_model import Refused

__all__ = ["Refused", "ShopModel"]


class ShopModel:
    """The expected records. A method makes the change of a request, or raises Refused with the status."""

    def __init__(self, admin):
        self.customers = {}
        self.mechanics = {admin["id"]: admin}
        self.parts, self.stock = {}, Stock()
        self.tickets = {}
        self.names = {"mechanics": {admin["id"]: admin["name"]}, "parts": {}}  # Also of deleted records.
        self.kept = {}  # Key → (request, (status, body, location)).

    # ------------------------------------------------------------ accounts
    def require_free(self, table, email, but=None):
        if any(each["email"] == email for number, each in table.items() if number != but):
            raise Refused(409)

    def change_account(self, table, number, changes):
        self.require(table, number)
        if "email" in changes:
            changes = changes | {"email": changes["email"].lower()}
            self.require_free(table, changes["email"], but=number)
        table[number] = table[number] | changes
        if table is self.mechanics:
            self.names["mechanics"][number] = table[number]["name"]
        return table[number]

    def require(self, table, number):
        if number not in table:
            raise Refused(404)

    def delete(self, table, number):
        self.require(table, number)
        del table[number]

    # ------------------------------------------------------------ parts
    def require_sku(self, sku, but=None):
        if sku is not None and any(each["sku"] == sku for number, each in self.parts.items() if number != but):
            raise Refused(409)

    def change_part(self, number, changes):
        self.require(self.parts, number)
        self.require_sku(changes.get("sku"), but=number)
        if "quantity" in changes:
            self.stock.count(number, changes["quantity"])
        if "price" in changes:
            self.stock.price[number] = round(100 * changes["price"])
        self.parts[number] |= {name: value for name, value in changes.items() if name != "quantity"}
        self.names["parts"][number] = self.parts[number]["name"]

    def delete_part(self, number):
        self.delete(self.parts, number)
        self.stock.live.discard(number)

    # ------------------------------------------------------------ tickets
    def require_ids(self, ids, table):
        if not set(ids) <= table.keys():
            raise Refused(422)

    def change_crew(self, number, change):
        self.require(self.tickets, number)
        crew = self.tickets[number]["crew"]
        coming = set(change.get("mechanic_ids", change.get("add_mechanic_ids", ())))
        going = crew - coming if "mechanic_ids" in change else set(change.get("remove_mechanic_ids", ()))
        if "mechanic_ids" not in change and coming & going:
            raise Refused(422)
        self.require_ids(coming - crew, self.mechanics)
        self.require_ids(going, self.names["mechanics"])
        self.tickets[number]["crew"] = (crew | coming) - going

    def change_parts(self, number, off, on):
        self.require(self.tickets, number)
        self.tickets[number]["lines"] = self.stock.order(self.tickets[number]["lines"], off, on)

    def delete_ticket(self, number):
        self.require(self.tickets, number)
        lines = self.tickets[number]["lines"]
        self.stock.order(lines, [(part, "whole") for part in lines], [])
        del self.tickets[number]

    # ------------------------------------------------------------ keys
    def replay(self, key, asked):
        """Return the stored response of a key, if any. Raise Refused if the key is of another request."""
        if key not in self.kept:
            return None
        if self.kept[key][0] != asked:
            raise Refused(422)
        return self.kept[key][1]

    def forget(self, location, reference="\0"):
        """Drop the stored responses that show a person who is erased, or a ticket of theirs."""
        self.kept = {
            key: (request, response)
            for key, (request, response) in self.kept.items()
            if response[2] != location and reference.encode() not in response[1]
        }

    # ------------------------------------------------------------ lists
    def shown(self, what):
        """Return a list as the shop shows it, without the times."""
        if what == "tickets":
            order = sorted(self.tickets, key=lambda number: (self.tickets[number]["service_date"], number), reverse=True)
            return [self.ticket(number) for number in order]
        if what == "inventory":
            return [self.part(number) for number in sorted(self.parts)]
        return [table[number] for table in [getattr(self, what)] for number in sorted(table)]

    def part(self, number):
        held = {"quantity": self.stock.stock[number], "price": self.stock.price[number] / 100}
        return {"id": number, **self.parts[number], **held}

    def ticket(self, number):
        ticket = self.tickets[number]
        lines = [
            {
                "inventory_id": part,
                "name": self.names["parts"][part],
                "quantity": count,
                "unit_price": cents / 100,
                "total": count * cents / 100,
            }
            for part, (count, cents) in sorted(ticket["lines"].items())
        ]
        shown = {name: value for name, value in ticket.items() if name not in ("crew", "lines")}
        total = sum(count * cents for count, cents in ticket["lines"].values()) / 100
        customer = self.customers.get(ticket["customer_id"])
        shown["customer_name"] = customer["name"] if customer else None
        return {"id": number, **shown, "mechanics": self.crew(number), "parts": lines, "parts_total": total}

    def crew(self, number):
        return [{"id": each, "name": self.names["mechanics"][each]} for each in sorted(self.tickets[number]["crew"])]

    def ledger(self, number):
        """Return the movements of a part, newest first: (reason, change)."""
        return self.stock.ledger[number][::-1]


def asked(method, path, body):
    return f"{method} {path} {json.dumps(body)}"
