"""Bills and credit notes computed a second time, with exact fractions and as naively as the rules are written.

It shares no code with the app, takes plain dictionaries, and works in the units of the wire: money in units, not cents.
"""

from fractions import Fraction
from math import floor

CENT = Fraction(1, 100)


def cents(value):
    """Round an amount half up to whole cents."""
    return Fraction(floor(value * 100 + Fraction(1, 2)), 100)


def spread(amount, weights):
    """Give each the cents below its exact share, then hand out the missing cents one by one, where most is missing."""
    total = sum(weights)
    if total == 0:
        return [Fraction(0)] * len(weights)
    exact = [amount * weight / total for weight in weights]
    shares = [Fraction(floor(each * 100), 100) for each in exact]
    missing = [each - share for each, share in zip(exact, shares, strict=True)]
    while sum(shares) < amount:
        first = missing.index(max(missing))
        shares[first] += CENT
        missing[first] = Fraction(-1)
    return shares


def own_price(line):
    if line["kind"] == "part":
        return line["quantity"] * line["unit_price"]
    return cents(line["hours"] * line["rate"]) if line["hours"] else line["price"]


def off(amount, given, percent):
    return min(amount, cents(amount * percent / 100) if percent else given)


def bill(lines, terms):
    """Return the bill as a dictionary. Each line has ``taxes`` as a set of ids."""
    rows = []
    for line in lines:
        extended = own_price(line)
        discount = off(extended, line["discount"], line["discount_percent"])
        rows.append({"kind": line["kind"], "job": line["job"], "extended": extended, "discount": discount})
        rows[-1]["taxes"] = {tax["id"] for tax in terms["taxes"] if line["taxable"] and line["kind"] in tax["applies_to"]}
        rows[-1]["left"] = extended - discount
    sharing = [row for row in rows if row["kind"] != "fee"]
    together = sum(row["left"] for row in sharing)
    given = off(together, terms["discount"], terms["discount_percent"])
    for row in rows:
        row["shared"] = Fraction(0)
    for row, share in zip(sharing, spread(given, [row["left"] for row in sharing]), strict=True):
        row["shared"] = share
    if terms["supplies"]:
        base = sum(row["left"] - row["shared"] for row in rows if row["kind"] in ("labor", "part"))
        fee = cents(base * terms["supplies"]["percent"] / 100)
        if base > 0 and fee < terms["supplies"]["minimum"]:
            fee = terms["supplies"]["minimum"]
        if terms["supplies"]["maximum"] is not None and fee > terms["supplies"]["maximum"]:
            fee = terms["supplies"]["maximum"]
        if fee > 0:
            taxes = {tax["id"] for tax in terms["taxes"] if "fee" in tax["applies_to"]}
            none = {"job": None, "discount": Fraction(0), "shared": Fraction(0)}
            rows.append({"kind": "fee", "extended": fee, "left": fee, "taxes": taxes} | none)
    for row in rows:
        row["gross"] = row["net"] = row["left"] - row["shared"]
    return {"rows": rows} | totals(rows, terms)


def totals(rows, terms):
    rates = {tax["id"]: tax["rate"] for tax in sorted(terms["taxes"], key=lambda tax: tax["id"])}
    amounts = {each: Fraction(0) for each in rates if any(each in row["taxes"] for row in rows)}
    if terms["prices_include_tax"]:
        for group, names in groups(rows, rates):
            for name, share in zip(names, take_out(group, [rates[each] for each in names]), strict=True):
                amounts[name] += share
    bases = {each: sum(row["net"] for row in rows if each in row["taxes"]) for each in amounts}
    if not terms["prices_include_tax"]:
        amounts = {each: cents(base * rates[each] / 100) for each, base in bases.items()}
    if terms["tax_exempt"]:
        amounts = dict.fromkeys(amounts, Fraction(0))
    subtotal = sum((row["net"] for row in rows), Fraction(0))
    tax = sum(amounts.values(), Fraction(0))
    return {"bases": bases, "amounts": amounts, "subtotal": subtotal, "tax": tax, "total": subtotal + tax}


def groups(rows, rates):
    """Yield the rows of each set of taxes with the sorted ids of the set."""
    for ids in {frozenset(row["taxes"]) for row in rows}:
        yield [row for row in rows if row["taxes"] == ids], [each for each in sorted(rates) if each in ids]


def take_out(group, rates):
    """Set the net of each row of a group, and return the amounts of its taxes."""
    gross = sum(row["gross"] for row in group)
    tax = cents(gross * sum(rates, Fraction(0)) / (100 + sum(rates, Fraction(0))))
    for row, net in zip(group, spread(gross - tax, [row["gross"] for row in group]), strict=True):
        row["net"] = net
    return spread(tax, rates)


def credit_notes(whole, terms, notes):
    """Return the taxes of each note, by id, where ``notes`` are amounts by line number, oldest first."""
    rates, rows = {tax["id"]: tax["rate"] for tax in terms["taxes"]}, dict(enumerate(whole["rows"], start=1))
    upto = [
        {n: sum((note.get(n, Fraction(0)) for note in notes[:count]), Fraction(0)) for n in rows}
        for count in range(len(notes) + 1)
    ]
    results = [{each: Fraction(0) for each in whole["amounts"]} for _ in notes]
    if terms["tax_exempt"]:
        return results
    if not terms["prices_include_tax"]:
        for each, amount in whole["amounts"].items():
            base = whole["bases"][each]
            reached = [sum(now[n] for n in rows if each in rows[n]["taxes"]) for now in upto]
            taxed = [cents(amount * part / base) if base else Fraction(0) for part in reached]
            for count, result in enumerate(results):
                result[each] = taxed[count + 1] - taxed[count]
        return results
    for _, names in groups(whole["rows"], rates):
        numbers = [n for n in rows if rows[n]["taxes"] == set(names)]
        inside = sum((rows[n]["gross"] - rows[n]["net"] for n in numbers), Fraction(0))
        rest = dict(zip(names, spread(inside, [rates[each] for each in names]), strict=True))
        for count, result in enumerate(results):
            now = sum((line_tax(rows[n], upto[count + 1][n]) - line_tax(rows[n], upto[count][n]) for n in numbers), Fraction(0))
            for each, share in zip(names, spread(now, [rest[each] for each in names]), strict=True):
                result[each] += share
                rest[each] -= share
    return results


def line_tax(row, amount):
    return cents((row["gross"] - row["net"]) * amount / row["gross"]) if row["gross"] else Fraction(0)
