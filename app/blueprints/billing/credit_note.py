"""The arithmetic of credit notes: rule B11. Several partial notes add up to exactly the whole invoice."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.blueprints.billing.bill import Bill, BilledLine, add_up, allocate, by_taxes, div, split_tax


@dataclass(frozen=True, slots=True)
class CreditNote:
    """The credited amounts by line number, and the tax by the id of each tax that stands on one of these lines."""

    amounts: Mapping[int, int]
    taxes: Mapping[int, int]
    net: int
    tax: int
    total: int


def left_to_credit(bill: Bill, earlier: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """Return what earlier notes left of each line: of its gross, or of its net if the bill is exempt (B11)."""
    credited = add_up(earlier)
    return {each.line_no: (each.net if bill.tax_exempt else each.gross) - credited[each.line_no] for each in bill.lines}


def telescope(tax: int, base: int, before: int, more: int) -> int:
    """Return the tax on ``more`` of a base after ``before`` of it; all parts add up to the whole tax (B11)."""
    return div(tax * (before + more), base) - div(tax * before, base) if base else 0


def credit_added(bill: Bill, notes: Sequence[Mapping[int, int]]) -> dict[int, int]:
    """Return the taxes of the last note if prices do not include tax: each telescopes on its base (B11)."""
    before, note, taxes = add_up(notes[:-1]), Counter(notes[-1]), {}
    for tax in bill.taxes:
        lines = [line.line_no for line in bill.lines if tax.id in line.taxes]
        taxes[tax.id] = telescope(tax.amount, tax.base, sum(before[each] for each in lines), sum(note[each] for each in lines))
    return taxes


def credit_included(
    group: Sequence[BilledLine], rates: Mapping[int, int], notes: Iterable[Mapping[int, int]]
) -> dict[int, int]:
    """Return the taxes of the last note on lines with the same taxes if prices include tax.

    The tax telescopes by line, and each note shares it in proportion to the rest of each tax (B11).
    """
    rest, shares, before = split_tax(group, rates), dict[int, int](), Counter[int]()
    for note in notes:
        parts = [(each, before[each.line_no], note.get(each.line_no, 0)) for each in group]
        tax = sum(telescope(each.gross - each.net, each.gross, done, more) for each, done, more in parts)
        shares = dict(zip(rest, allocate(tax, [*rest.values()]), strict=True))
        rest = {each: rest[each] - shares[each] for each in rest}
        before.update(note)
    return shares


def compute_credit_note(bill: Bill, earlier: Sequence[Mapping[int, int]], amounts: Mapping[int, int]) -> CreditNote:
    """Compute the note of amounts by line number that follows the amounts of earlier ones, oldest first (B11)."""
    included = bill.prices_include_tax and not bill.tax_exempt
    notes, rates = [*earlier, amounts], {tax.id: tax.rate for tax in bill.taxes}
    groups = (credit_included(group, rates, notes) for group in by_taxes(bill.lines))
    taxes = add_up(groups) if included else credit_added(bill, notes)
    listed = {each: taxes[each] for line in bill.lines if line.line_no in amounts for each in line.taxes}
    tax = sum(listed.values())
    net = sum(amounts.values()) - (tax if included else 0)
    return CreditNote(amounts, dict(sorted(listed.items())), net, tax, net + tax)
