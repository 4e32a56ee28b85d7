"""The arithmetic of the bill: the vectors G1 to G13, and the edges of each rule. All amounts are in cents."""

import ast
from pathlib import Path

import pytest

from app.blueprints.billing import bill as module
from app.blueprints.billing.bill import (
    Bill,
    BilledLine,
    BilledTax,
    Line,
    Supplies,
    Tax,
    Terms,
    Tolerance,
    allocate,
    allowance,
    authorized,
    balance,
    beyond_authorized,
    compute_bill,
    div,
    supplies_base,
)
from app.blueprints.billing.credit_note import compute_credit_note, left_to_credit

ALL = frozenset({"labor", "part", "sublet", "fee"})
LARGEST = 9_999_999_999
MOST = 2_147_483_647


def percent(value):
    return round(value * 10_000)


def part(unit_price, quantity=1, **others):
    return Line("part", quantity=quantity, unit_price=unit_price, **others)


def labor(price, **others):
    return Line("labor", price=price, **others)


def terms(*rates, **others):
    """All taxes stand on every kind of line."""
    return Terms([Tax(number, percent(rate), ALL) for number, rate in enumerate(rates, start=1)], **others)


def including(*rates, **others):
    return terms(*rates, prices_include_tax=True, **others)


def nets(bill):
    return [line.net for line in bill.lines]


def amounts(bill):
    return [tax.amount for tax in bill.taxes]


# ---------------------------------------------------------------- vectors
def test_g1_the_example():
    lines = [Line("labor", 11, hours=150, rate=12500), part(4990, 4, job=11), part(1299, job=11)]
    taxes = [Tax(1, 82_375, frozenset({"part", "fee"}))]
    bill = compute_bill(lines, Terms(taxes, discount_percent=percent(10), supplies=Supplies(percent(5), maximum=3500)))
    assert [(line.line_no, line.extended, line.discount, line.shared_discount, line.gross) for line in bill.lines] == [
        (1, 18750, 0, 1875, 16875),
        (2, 19960, 0, 1996, 17964),
        (3, 1299, 0, 130, 1169),
        (4, 1800, 0, 0, 1800),
    ]
    assert nets(bill) == [16875, 17964, 1169, 1800]
    assert [line.taxes for line in bill.lines] == [(), (1,), (1,), (1,)]
    assert bill.supplies == bill.lines[3]
    assert supplies_base(bill.lines) == 36008 == bill.net_of_job(11)
    assert [bill.net_of_kind(kind) for kind in ("labor", "part", "sublet", "fee")] == [16875, 19133, 0, 1800]
    assert (bill.discounts, bill.subtotal) == (4001, 37808)
    assert bill.taxes == [BilledTax(1, 82_375, base=20933, amount=1724)]
    assert (bill.tax, bill.total, balance(bill.total, 0, 10000)) == (1724, 39532, 29532)


def test_g2_two_taxes_on_one_base():
    bill = compute_bill([labor(9900), part(8437)], terms(5, 9.975))
    assert ([tax.base for tax in bill.taxes], amounts(bill), bill.total) == ([18337, 18337], [917, 1829], 21083)


def test_g3_whole_discount_on_a_line():
    (line,) = compute_bill([Line("labor", hours=225, rate=6422, discount_percent=percent(100))], terms()).lines
    assert (line.extended, line.net) == (14450, 0)


def test_g4_discount_before_tax():
    bill = compute_bill([part(4500, 3)], terms(21, discount=6000))
    assert (bill.subtotal, bill.tax, bill.total) == (7500, 1575, 9075)


def test_g5_tax_rounded_once():
    bill = compute_bill([part(5555), part(1111)], terms(23))
    assert (bill.subtotal, bill.tax, bill.total) == (6666, 1533, 8199)


def test_g6_tax_of_21_percent():
    assert compute_bill([part(10239)], terms(21)).tax == 2150


def test_g7_percentage_off_a_line():
    bill = compute_bill([part(4607, discount_percent=percent(20)), part(921)], terms(8.5))
    assert (nets(bill), bill.tax) == ([3686, 921], 392)


def test_g8_prices_that_include_tax():
    bill = compute_bill([labor(9000), part(5500)], including(5))
    assert (bill.subtotal, bill.tax, bill.total) == (13810, 690, 14500)


def test_g9_included_tax_rounded_half_up():
    bill = compute_bill([part(299)], including(4))
    assert (bill.tax, nets(bill)) == (12, [287])


def test_g10_hours_by_rate():
    assert compute_bill([Line("labor", hours=250, rate=1999)], terms()).subtotal == 4998


def test_g11_discount_over_three_equal_lines():
    for discount, shares in ((10000, [3334, 3333, 3333]), (1, [1, 0, 0])):
        bill = compute_bill([part(10000)] * 3, terms(discount=discount))
        assert [line.shared_discount for line in bill.lines] == shares


def test_g12_labor_without_tax():
    bill = compute_bill([labor(7000, taxable=False), part(3000)], terms(12.7))
    assert (bill.tax, bill.total) == (381, 10381)


def test_g13_three_notes_credit_the_whole_tax():
    line = BilledLine(1, "part", None, (1,), 24551, 0, 0, 24551)
    bill, notes, taxes = Bill([line], [BilledTax(1, 82_375, 24551, 2022)]), [], []
    for amount in (10000, 7777, 6774):
        taxes.append(compute_credit_note(bill, notes, {1: amount}).tax)
        notes.append({1: amount})
    assert taxes == [824, 640, 558]
    assert left_to_credit(bill, notes) == {1: 0}


# ---------------------------------------------------------------- rounding
@pytest.mark.parametrize(
    ("number", "by", "result"), [(0, 7, 0), (1, 2, 1), (3, 2, 2), (5, 10, 1), (4, 10, 0), (1, 3, 0), (2, 3, 1)]
)
def test_div_rounds_half_up(number, by, result):
    assert div(number, by) == result


@pytest.mark.parametrize(
    ("amount", "weights", "shares"),
    [
        (0, [], []),
        (0, [0, 0], [0, 0]),
        (5, [0, 1, 0], [0, 5, 0]),
        (2, [1, 1, 1], [1, 1, 0]),
        (10, [1, 2, 3], [2, 3, 5]),  # 1.67, 3.33, 5
        (1, [1, 3, 2], [0, 1, 0]),
    ],
)
def test_allocate_gives_cents_to_the_largest_remainders(amount, weights, shares):
    assert allocate(amount, weights) == shares


def test_allocate_loses_nothing_silently():
    with pytest.raises(ZeroDivisionError):
        allocate(1, [0, 0])


def test_module_has_integers_only():
    """Nothing divides but ``div`` and ``allocate``, and nothing but the standard library is imported."""
    for name in ("bill", "credit_note"):
        tree = ast.parse(Path(module.__file__).with_stem(name).read_text())
        rounding = {
            id(each) for node in tree.body if getattr(node, "name", "") in ("div", "allocate") for each in ast.walk(node)
        }
        for node in ast.walk(tree):
            assert not (isinstance(node, ast.Constant) and isinstance(node.value, float))
            assert not (isinstance(node, ast.Name) and node.id in ("float", "round", "Decimal", "Fraction"))
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.FloorDiv | ast.Mod):
                assert id(node) in rounding
            if isinstance(node, ast.ImportFrom):
                assert node.module in (
                    "collections",
                    "collections.abc",
                    "dataclasses",
                    "itertools",
                    "operator",
                    module.__name__,
                )


# ---------------------------------------------------------------- lines and discounts (B1 to B5)
def test_empty_bill_is_zero():
    bill = compute_bill([], terms(20, discount=500, supplies=Supplies(percent(5), minimum=100)))
    assert (bill.lines, bill.taxes, bill.subtotal, bill.total, bill.supplies) == ([], [], 0, 0, None)


@pytest.mark.parametrize("kind", ["labor", "sublet", "fee"])
def test_flat_price_stays_as_given(kind):
    assert compute_bill([Line(kind, 1, price=1234)], terms()).lines[0].extended == 1234


def test_largest_amounts_are_exact():
    bill = compute_bill([part(LARGEST, MOST), Line("labor", hours=999_999, rate=LARGEST)], terms(100, 100, 100, 100, 100))
    assert nets(bill) == [LARGEST * MOST, 99_999_899_990_000]  # 9,999.99 × 99,999,999.99, less a ten-thousandth.
    assert bill.total == 6 * bill.subtotal


@pytest.mark.parametrize(("discount", "net"), [(0, 1000), (999, 1), (1000, 0), (1001, 0), (LARGEST, 0)])
def test_discount_of_a_line_is_at_most_the_line(discount, net):
    assert nets(compute_bill([part(1000, discount=discount)], terms())) == [net]


@pytest.mark.parametrize(("extended", "rate", "discount"), [(1, 50, 1), (3, 50, 2), (50, 1, 1), (49, 1, 0), (1, 49.9999, 0)])
def test_percentage_of_a_line_is_rounded_half_up(extended, rate, discount):
    (line,) = compute_bill([part(extended, discount_percent=percent(rate))], terms()).lines
    assert line.discount == discount


def test_line_is_rounded_before_its_discount():
    (line,) = compute_bill([Line("labor", hours=1, rate=50, discount_percent=percent(50))], terms()).lines
    assert (line.extended, line.discount, line.net) == (1, 1, 0)  # 0.5 cents; half of that would be no discount.


@pytest.mark.parametrize("others", [{"discount": LARGEST}, {"discount": 3000}, {"discount_percent": percent(100)}])
def test_discount_of_the_bill_is_at_most_its_lines_without_fees(others):
    lines = [labor(1000), part(1000), Line("sublet", 1, price=1000), Line("fee", 1, price=500)]
    bill = compute_bill(lines, terms(10, supplies=Supplies(percent(10), minimum=100), **others))
    assert (nets(bill), bill.discounts, bill.supplies, bill.total) == ([0, 0, 0, 500], 3000, None, 550)


def test_discount_of_the_bill_follows_those_of_the_lines():
    bill = compute_bill([part(2000, discount=1000), part(1000)], terms(discount_percent=percent(10)))
    assert [(line.discount, line.shared_discount, line.net) for line in bill.lines] == [(1000, 100, 900), (0, 100, 900)]


def test_discount_of_the_bill_leaves_free_lines_alone():
    bill = compute_bill([part(0), part(10), part(5, discount_percent=percent(100)), part(10)], terms(discount=3))
    assert [line.shared_discount for line in bill.lines] == [0, 2, 0, 1]


def test_fee_keeps_a_discount_of_its_own():
    bill = compute_bill([Line("fee", 1, price=1000, discount=100), part(1000)], terms(discount=500))
    assert nets(bill) == [900, 500]


# ---------------------------------------------------------------- supplies (B6)
@pytest.mark.parametrize(
    ("price", "supplies", "fee"),
    [
        (0, Supplies(percent(5), minimum=100), None),
        (1, Supplies(percent(5), minimum=100), 100),
        (10000, Supplies(percent(5), minimum=100), 500),
        (10000, Supplies(percent(5), maximum=499), 499),
        (10000, Supplies(percent(5), maximum=0), None),
        (10000, Supplies(0), None),
        (10000, Supplies(0, minimum=1), 1),
        (10, Supplies(percent(5)), 1),
        (9, Supplies(percent(5)), None),
        (10000, None, None),
    ],
)
def test_supplies_stay_between_minimum_and_maximum(price, supplies, fee):
    bill = compute_bill([part(price)], terms(supplies=supplies))
    assert (bill.supplies and bill.supplies.net) == fee
    assert len(bill.lines) == (1 if fee is None else 2)


def test_supplies_are_on_labor_and_parts_after_discounts():
    lines = [labor(1000), part(1000), Line("sublet", 1, price=1000), Line("fee", 1, price=1000)]
    bill = compute_bill(lines, terms(discount=300, supplies=Supplies(percent(10))))
    assert (supplies_base(bill.lines), bill.supplies.net, bill.net_of_kind("fee")) == (1800, 180, 1180)


def test_supplies_are_gross_if_prices_include_tax():
    bill = compute_bill([part(12000)], including(20, supplies=Supplies(percent(10))))
    assert (supplies_base(bill.lines), bill.supplies.gross, bill.supplies.net, bill.total) == (12000, 1200, 1000, 13200)


# ---------------------------------------------------------------- taxes (B7 to B10)
def test_tax_of_rate_zero_and_tax_on_free_line_are_listed():
    bill = compute_bill([part(1000), labor(0)], Terms([Tax(4, 0, frozenset({"part"})), Tax(2, 90_000, frozenset({"labor"}))]))
    assert bill.taxes == [BilledTax(2, 90_000, 0, 0), BilledTax(4, 0, 1000, 0)]


def test_tax_on_no_line_is_not_listed():
    bill = compute_bill([part(1000, taxable=False)], Terms([Tax(1, 1, frozenset({"part"})), Tax(2, 1, frozenset({"labor"}))]))
    assert bill.taxes == []


def test_tax_is_not_taxed():
    assert compute_bill([part(10000)], terms(50, 100)).tax == 15000


@pytest.mark.parametrize(("include", "base", "total"), [(False, 12000, 12000), (True, 10000, 10000)])
def test_exempt_bill_shows_the_base(include, base, total):
    bill = compute_bill([part(12000)], terms(20, prices_include_tax=include, tax_exempt=True))
    assert (bill.taxes, bill.tax, bill.total) == ([BilledTax(1, 200_000, base, 0)], 0, total)


def test_included_taxes_split_by_rates():
    bill = compute_bill([part(11500)], including(5, 10))
    assert (amounts(bill), bill.subtotal) == ([500, 1000], 10000)
    bill = compute_bill([part(10)], including(10, 10))  # 1.67: 2 cents
    assert (amounts(bill), bill.subtotal) == ([1, 1], 8)
    bill = compute_bill([part(7)], including(10, 10))  # 1.17: 1 cent, to the first tax
    assert (amounts(bill), bill.subtotal) == ([1, 0], 6)


def test_included_tax_split_by_lines():
    bill = compute_bill([part(1), part(1), part(1)], including(50))
    assert (nets(bill), bill.tax, bill.total) == ([1, 1, 0], 1, 3)


def test_included_taxes_of_each_group_are_rounded_alone():
    taxes = [Tax(1, percent(4), frozenset({"part", "labor"})), Tax(2, percent(6), frozenset({"labor"}))]
    lines = [part(299), labor(299), part(299, taxable=False)]
    bill = compute_bill(lines, Terms(taxes, prices_include_tax=True))
    assert nets(bill) == [287, 272, 299]  # 11.5 and 27.18: 12 and 27
    assert [(tax.base, tax.amount) for tax in bill.taxes] == [(559, 12 + 11), (272, 16)]
    assert bill.total == 3 * 299


def test_included_rates_of_500_percent():
    bill = compute_bill([part(600)], including(100, 100, 100, 100, 100))
    assert (bill.subtotal, amounts(bill)) == (100, [100] * 5)


# ---------------------------------------------------------------- credit notes (B11)
def test_note_lists_the_taxes_of_its_lines():
    taxes = [
        Tax(2, percent(10), frozenset({"part"})),
        Tax(1, 0, frozenset({"part"})),
        Tax(3, percent(10), frozenset({"labor"})),
    ]
    note = compute_credit_note(compute_bill([part(1000), labor(1000)], Terms(taxes)), [], {1: 500})
    assert (note.taxes, note.net, note.tax, note.total) == ({1: 0, 2: 50}, 500, 50, 550)


def test_note_counts_gross_if_prices_include_tax():
    bill = compute_bill([part(11500)], including(5, 10))
    note = compute_credit_note(bill, [], {1: 5750})
    assert (note.taxes, note.net, note.tax, note.total) == ({1: 250, 2: 500}, 5000, 750, 5750)


def test_notes_on_single_cents_share_the_rest_of_each_tax():
    bill, notes = compute_bill([part(6)], including(50, 50)), []
    assert amounts(bill) == [2, 1]
    shares = []
    for _ in range(6):
        shares.append(compute_credit_note(bill, notes, {1: 1}).taxes)
        notes.append({1: 1})
    assert [tuple(each.values()) for each in shares] == [(1, 0), (0, 0), (1, 0), (0, 0), (0, 1), (0, 0)]


@pytest.mark.parametrize("include", [False, True])
def test_note_of_exempt_bill_counts_net(include):
    bill = compute_bill([part(12000)], terms(20, prices_include_tax=include, tax_exempt=True))
    (whole,) = left_to_credit(bill, []).values()
    note = compute_credit_note(bill, [], {1: whole})
    assert whole == bill.total
    assert (note.taxes, note.net, note.tax, note.total) == ({1: 0}, whole, 0, whole)


def test_left_to_credit_is_counted_by_line():
    bill = compute_bill([part(1000), part(0), labor(500)], terms(10))
    assert left_to_credit(bill, [{1: 300}, {1: 200, 3: 500}]) == {1: 500, 2: 0, 3: 0}


# ---------------------------------------------------------------- authorization and balance (B12, B13)
@pytest.mark.parametrize(
    ("tolerance", "allowed"),
    [
        (Tolerance(), 0),
        (Tolerance(maximum=500), 0),
        (Tolerance(percent=percent(10)), 1000),
        (Tolerance(amount=700), 700),
        (Tolerance(percent(10), 700), 700),
        (Tolerance(percent(10), 700, "greater"), 1000),
        (Tolerance(percent(10), 700, "greater", maximum=800), 800),
        (Tolerance(percent(10), 0), 0),
        (Tolerance(0, 700, "greater"), 700),
        (Tolerance(percent(10), maximum=0), 0),
    ],
)
def test_tolerance_of_an_authorization(tolerance, allowed):
    assert allowance(10000, tolerance) == allowed
    assert beyond_authorized(10000 + allowed, 10000, tolerance) == 0
    assert beyond_authorized(10000 + allowed + 1, 10000, tolerance) == 1
    assert beyond_authorized(0, 10000, tolerance) == 0


def test_authorized_falls_by_withdrawn_jobs():
    bill = compute_bill([part(1000, job=1), labor(500, job=2), part(100)], terms(discount_percent=percent(10)))
    assert (authorized(bill), authorized(bill, [1]), authorized(bill, [1, 2])) == (1440, 540, 90)


def test_balance_may_be_owed_to_the_customer():
    assert (balance(1000, 0, 0), balance(1000, 200, 800), balance(1000, 1000, 300)) == (1000, 0, -300)
