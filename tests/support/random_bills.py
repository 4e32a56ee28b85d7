"""Random bills for Hypothesis, in the units of the app, and their form for the oracle: fractions in the units of the wire."""

from dataclasses import asdict
from fractions import Fraction

from hypothesis import strategies as st

from app.blueprints.billing.bill import Line, Supplies, Tax, Terms

KINDS = ("labor", "part", "sublet", "fee")
RATES = [0, 1, 1000, 40_000, 50_000, 70_000, 82_375, 99_750, 127_000, 190_000, 200_000, 210_000, 333_333, 500_000, 1_000_000]
SIZES = [20, 2_000, 50_000, 50_000, 9_999_999_999]
"""Of the amounts of a bill: one large line would hide the cents of all others, and so would a fee always at its maximum."""
percents = st.sampled_from(RATES) | st.integers(0, 1_000_000)
taxes = st.lists(
    st.builds(Tax, st.integers(1, 99), percents, st.frozensets(st.sampled_from(KINDS), min_size=1)),
    max_size=5,
    unique_by=lambda tax: tax.id,
)


@st.composite
def discounts(draw, largest):
    name = draw(st.sampled_from(["none", "discount", "discount_percent"]))
    value = {"discount": st.integers(0, largest), "discount_percent": percents}
    return {name: draw(value[name])} if name in value else {}


@st.composite
def supplies(draw, largest):
    minimum = draw(st.just(0) | st.integers(0, largest))
    return Supplies(draw(percents), minimum, draw(st.none() | st.integers(minimum, minimum + largest)))


@st.composite
def lines(draw, largest):
    money, kind = st.integers(0, largest), draw(st.sampled_from(KINDS))
    job = draw(st.none() | st.integers(1, 3)) if kind == "part" else draw(st.integers(1, 3))
    if kind == "part":
        price = {"unit_price": draw(money), "quantity": draw(st.integers(1, 9 if largest < 99_999 else 2_147_483_647))}
    elif kind == "labor" and draw(st.booleans()):
        price = {"rate": draw(money), "hours": draw(st.integers(1, 999 if largest < 99_999 else 999_999))}
    else:
        price = {"price": draw(money)}
    return Line(kind, job, **price, taxable=draw(st.integers(0, 3)) > 0, **draw(discounts(largest)))


@st.composite
def bills(draw):
    """Return the lines and the terms of a bill. A line often comes again, for ties."""
    largest = draw(st.sampled_from(SIZES))
    few = draw(st.lists(lines(largest), max_size=6))
    again = draw(st.lists(st.sampled_from(few), max_size=6)) if few else []
    flags = {"prices_include_tax": draw(st.booleans()), "tax_exempt": draw(st.integers(0, 4)) == 0}
    fee = draw(st.none() | supplies(largest))
    return few + again, Terms(draw(taxes), supplies=fee, **flags, **draw(discounts(3 * largest)))


@st.composite
def notes(draw, left):
    """Return the amounts of notes that credit all that is left of each line."""
    random, left, made = draw(st.randoms(use_true_random=False)), dict(left), []
    for _ in range(draw(st.integers(0, 4))):
        lines = [each for each in left if left[each] and random.random() < 0.7]
        made.append({each: min(left[each], random.choice([1, 7, random.randint(1, left[each])])) for each in lines})
        left = {each: amount - made[-1].get(each, 0) for each, amount in left.items()}
    return [*made, {each: amount for each, amount in left.items() if amount}]


def in_units(amount):
    return Fraction(amount, 100)


def line_for_oracle(line):
    plain = {name: in_units(getattr(line, name)) for name in ("unit_price", "hours", "rate", "price", "discount")}
    return asdict(line) | plain | {"discount_percent": Fraction(line.discount_percent, 10_000)}


def terms_for_oracle(terms):
    plain = asdict(terms)
    for each in (*plain["taxes"], plain["supplies"], plain):
        for name, value in (each or {}).items():
            if name in ("rate", "percent", "discount_percent"):
                each[name] = Fraction(value, 10_000)
            elif name in ("discount", "minimum", "maximum") and value is not None:
                each[name] = in_units(value)
    return plain
