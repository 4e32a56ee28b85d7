"""The arithmetic of money: the rules B1 to B13, each in one function. Rule B11 is in ``credit_note.py``.

Bill, estimate, invoice, credit note, PDF and reports take every sum from these two modules. All numbers are integers, none
below 0: money in cents, hours in hundredths, percents and rates in ten-thousandths of a percent (8.2375 % is 82,375).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter

WHOLE = 1_000_000
"""100 % in ten-thousandths of a percent."""
DISCOUNTED = {"labor", "part", "sublet"}
"""The kinds of line that share the discount of the bill."""
SUPPLIED = {"labor", "part"}
"""The kinds of line that the fee for shop supplies is a percentage of."""
TAXES = attrgetter("taxes")


# ---------------------------------------------------------------- input
@dataclass(frozen=True, slots=True)
class Line:
    """A line of a job; of a part also without one, as one of the other parts. Numbers that do not apply to its kind are 0."""

    kind: str
    job: int | None = None
    quantity: int = 0
    unit_price: int = 0
    hours: int = 0
    rate: int = 0
    price: int = 0
    discount: int = 0
    discount_percent: int = 0
    taxable: bool = True


@dataclass(frozen=True, slots=True)
class Tax:
    id: int
    rate: int
    applies_to: frozenset[str]


@dataclass(frozen=True, slots=True)
class Supplies:
    percent: int
    minimum: int = 0
    maximum: int | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """The settings of the whole bill. Its discount is an amount or a percentage."""

    taxes: Sequence[Tax] = ()
    prices_include_tax: bool = False
    tax_exempt: bool = False
    discount: int = 0
    discount_percent: int = 0
    supplies: Supplies | None = None


@dataclass(frozen=True, slots=True)
class Tolerance:
    percent: int | None = None
    amount: int | None = None
    rule: str = "lesser"
    maximum: int | None = None


# ---------------------------------------------------------------- result
@dataclass(frozen=True, slots=True)
class BilledLine:
    line_no: int
    kind: str
    job: int | None
    taxes: tuple[int, ...]
    extended: int
    discount: int
    shared_discount: int
    net: int

    @property
    def gross(self) -> int:
        """Return the line less both discounts. It differs from ``net`` only if prices include tax."""
        return self.extended - self.discount - self.shared_discount


@dataclass(frozen=True, slots=True)
class BilledTax:
    id: int
    rate: int
    base: int
    amount: int


@dataclass(frozen=True, slots=True)
class Bill:
    """The lines by number, the fee for supplies last, and the taxes by id."""

    lines: Sequence[BilledLine]
    taxes: Sequence[BilledTax]
    prices_include_tax: bool = False
    tax_exempt: bool = False

    @property
    def supplies(self) -> BilledLine | None:
        """Return the fee for supplies: the only fee that belongs to no job."""
        return next((line for line in self.lines if line.kind == "fee" and line.job is None), None)

    @property
    def discounts(self) -> int:
        return sum(line.discount + line.shared_discount for line in self.lines)

    @property
    def subtotal(self) -> int:
        return sum(line.net for line in self.lines)

    @property
    def tax(self) -> int:
        return sum(tax.amount for tax in self.taxes)

    @property
    def total(self) -> int:
        """Add the tax to the subtotal (B10). If prices include tax, the total is the sum of ``gross`` (B9)."""
        return self.subtotal + self.tax

    def net_of_kind(self, kind: str) -> int:
        return sum(line.net for line in self.lines if line.kind == kind)

    def net_of_job(self, job: int) -> int:
        return sum(line.net for line in self.lines if line.job == job)


# ---------------------------------------------------------------- rounding: nowhere else
def div(number: int, by: int) -> int:
    """Divide and round half up."""
    return (2 * number + by) // (2 * by)


def percentage(amount: int, percent: int) -> int:
    return div(amount * percent, WHOLE)


def allocate(amount: int, weights: Sequence[int]) -> list[int]:
    """Split an amount in proportion to weights: floors, then a cent each to the largest remainders, ties to the first."""
    if amount == 0:
        return [0] * len(weights)
    whole = sum(weights)
    shares = [amount * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda index: -(amount * weights[index] % whole))
    for index in by_remainder[: amount - sum(shares)]:
        shares[index] += 1
    return shares


# ---------------------------------------------------------------- lines and discounts
def extended_price(line: Line) -> int:
    """Multiply quantity and unit price, or hours and rate; a flat price stays as given (B1)."""
    if line.kind == "part":
        return line.quantity * line.unit_price
    return line.price or div(line.hours * line.rate, 100)


def reduction(amount: int, discount: int, percent: int) -> int:
    """Return a discount on an amount, fixed or a percentage, at most the amount (B2, B3)."""
    return min(discount or percentage(amount, percent), amount)


def price_line(line_no: int, line: Line, terms: Terms) -> BilledLine:
    """Round a line, then take off its own discount (B2)."""
    extended = extended_price(line)
    discount = reduction(extended, line.discount, line.discount_percent)
    taxes = taxes_on(line.kind, terms) if line.taxable else ()
    return BilledLine(line_no, line.kind, line.job, taxes, extended, discount, 0, extended - discount)


def share_discount(lines: Sequence[BilledLine], terms: Terms) -> list[BilledLine]:
    """Spread the discount of the bill over labor, parts and sublets (B3), never over fees (B5), and take it off (B4)."""
    nets = [line.net if line.kind in DISCOUNTED else 0 for line in lines]
    shares = allocate(reduction(sum(nets), terms.discount, terms.discount_percent), nets)
    return [replace(line, shared_discount=share, net=line.net - share) for line, share in zip(lines, shares, strict=True)]


def supplies_base(lines: Iterable[BilledLine]) -> int:
    """Add up labor and parts, gross if prices include tax (B6)."""
    return sum(line.gross for line in lines if line.kind in SUPPLIED)


def supplies_fee(base: int, supplies: Supplies) -> int:
    """Return a percentage of the base, at least the minimum unless the base is 0, at most the maximum (B6)."""
    fee = max(percentage(base, supplies.percent), supplies.minimum) if base else 0
    return fee if supplies.maximum is None else min(fee, supplies.maximum)


def add_supplies(lines: Sequence[BilledLine], terms: Terms) -> list[BilledLine]:
    """Append the fee for supplies, unless it is 0 (B6)."""
    fee = supplies_fee(supplies_base(lines), terms.supplies) if terms.supplies else 0
    last = BilledLine(len(lines) + 1, "fee", None, taxes_on("fee", terms), fee, 0, 0, fee)
    return [*lines, last] if fee else [*lines]


# ---------------------------------------------------------------- taxes
def taxes_on(kind: str, terms: Terms) -> tuple[int, ...]:
    return tuple(sorted(tax.id for tax in terms.taxes if kind in tax.applies_to))


def by_taxes(lines: Iterable[BilledLine]) -> list[list[BilledLine]]:
    """Group the lines with the same set of taxes (B9)."""
    return [[*group] for _, group in groupby(sorted(lines, key=TAXES), key=TAXES)]


def take_tax_out(group: Sequence[BilledLine], rates: Mapping[int, int]) -> Iterator[BilledLine]:
    """Take the tax out of the prices of lines with the same taxes, and split the rest in proportion to gross (B9)."""
    gross, rate = [line.gross for line in group], sum(rates[each] for each in group[0].taxes)
    nets = allocate(sum(gross) - div(sum(gross) * rate, WHOLE + rate), gross)
    return (replace(line, net=net) for line, net in zip(group, nets, strict=True))


def split_tax(group: Sequence[BilledLine], rates: Mapping[int, int]) -> dict[int, int]:
    """Split the tax inside the prices of lines with the same taxes in proportion to the rates (B9)."""
    taxes, included = group[0].taxes, sum(line.gross - line.net for line in group)
    return dict(zip(taxes, allocate(included, [rates[each] for each in taxes]), strict=True))


def sum_taxes(lines: Sequence[BilledLine], rates: Mapping[int, int], terms: Terms) -> Iterator[BilledTax]:
    """Return each tax on a line: rounded once, on its base (B7), or out of the prices (B9); 0 if exempt (B8)."""
    included = add_up(split_tax(group, rates) for group in by_taxes(lines))
    for each in sorted(included):
        base = sum(line.net for line in lines if each in line.taxes)
        amount = included[each] if terms.prices_include_tax else percentage(base, rates[each])
        yield BilledTax(each, rates[each], base, 0 if terms.tax_exempt else amount)


def add_up(amounts: Iterable[Mapping[int, int]]) -> Counter[int]:
    total: Counter[int] = Counter()
    for each in amounts:
        total.update(each)
    return total


def compute_bill(lines: Iterable[Line], terms: Terms) -> Bill:
    """Compute the bill of lines in their order: those of the jobs, then the other parts."""
    priced = [price_line(line_no, line, terms) for line_no, line in enumerate(lines, start=1)]
    billed = add_supplies(share_discount(priced, terms), terms)
    rates = {tax.id: tax.rate for tax in terms.taxes}
    if terms.prices_include_tax:
        out = (line for group in by_taxes(billed) for line in take_tax_out(group, rates))
        billed = sorted(out, key=lambda line: line.line_no)
    return Bill(billed, [*sum_taxes(billed, rates, terms)], terms.prices_include_tax, terms.tax_exempt)


# ---------------------------------------------------------------- authorization and balance
def authorized(bill: Bill, withdrawn: Iterable[int] = ()) -> int:
    """Return the subtotal right after the last authorization, less the net of jobs deleted or reopened since (B12)."""
    return bill.subtotal - sum(bill.net_of_job(job) for job in withdrawn)


def allowance(agreed: int, tolerance: Tolerance) -> int:
    """Return how far a subtotal may pass the authorized one (B12)."""
    percent = None if tolerance.percent is None else percentage(agreed, tolerance.percent)
    limits = [each for each in (percent, tolerance.amount) if each is not None]
    limit = max(limits, default=0) if tolerance.rule == "greater" else min(limits, default=0)
    return limit if tolerance.maximum is None else min(limit, tolerance.maximum)


def beyond_authorized(subtotal: int, agreed: int, tolerance: Tolerance) -> int:
    """Return by how much a subtotal passes the authorized one and the tolerance, or 0 (B12)."""
    return max(0, subtotal - agreed - allowance(agreed, tolerance))


def balance(total: int, credited: int, paid: int) -> int:
    """Return the rest to pay. Below 0, the shop owes it to the customer (B13)."""
    return total - credited - paid
