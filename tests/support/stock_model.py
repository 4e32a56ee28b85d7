"""The stock and its ledger in plain dictionaries: what each request should do."""

MAX_QUANTITY = 2_147_483_647


class Refused(Exception):
    """The model refuses a request; the argument is the expected status."""


class Model:
    """The shop in plain dictionaries."""

    def __init__(self):
        self.stock, self.price, self.ledger = {}, {}, {}
        self.live = set()
        self.tickets = {}

    def add(self, part_id, quantity, price):
        self.stock[part_id], self.price[part_id] = quantity, price
        self.ledger[part_id] = [("received", quantity)] if quantity else []
        self.live.add(part_id)

    def count(self, part_id, quantity):
        if part_id not in self.live:
            raise Refused(404)
        if difference := quantity - self.stock[part_id]:
            self.move({part_id: difference}, "counted")

    def record(self, part_id, change, reason):
        """Add or take away without a ticket."""
        if part_id not in self.live:
            raise Refused(404)
        if not 0 <= self.stock[part_id] + change <= MAX_QUANTITY:
            raise Refused(409)
        self.move({part_id: change}, reason)

    def move(self, changes, reason):
        for part_id, change in changes.items():
            self.stock[part_id] += change
            self.ledger[part_id].append((reason, change))

    def order(self, lines, off, on):
        """Return the lines of a ticket after a request: part id → [count, price]. Raise Refused."""
        if any(part_id not in self.live | lines.keys() for part_id, _ in off) or any(each not in self.live for each, _ in on):
            raise Refused(422)
        on_ticket = {part_id: line[0] for part_id, line in lines.items()}
        returned, taken = {}, {}
        for part_id in {part_id for part_id, count in off if isinstance(count, str)}:
            returned[part_id] = on_ticket.get(part_id, 1)
        for counts, changes in ((returned, off), (taken, on)):
            for part_id, count in changes:
                counts[part_id] = counts.get(part_id, 0) + (0 if isinstance(count, str) else count)
        after = {part_id: list(line) for part_id, line in lines.items()}
        for part_id, count in returned.items():
            if count > on_ticket.get(part_id, 0) or self.stock[part_id] + count > MAX_QUANTITY:
                raise Refused(409)
            after[part_id][0] -= count
        after = {part_id: line for part_id, line in after.items() if line[0]}
        for part_id, count in taken.items():
            line = after.setdefault(part_id, [0, self.price[part_id]])
            line[0] += count
            if count > self.stock[part_id] + returned.get(part_id, 0) or line[0] > MAX_QUANTITY:
                raise Refused(409)
        self.move(returned, "returned")
        self.move({part_id: -count for part_id, count in taken.items()}, "used")
        return after
