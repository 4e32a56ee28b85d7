"""Statements that do a whole request in one round trip; PostgreSQL builds the JSON of the responses."""


def utc(column: str) -> str:
    return f"""to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"""


ITEM_JSON = f"""json_build_object('id', id, 'name', name, 'price', price, 'quantity', quantity, 'sku', sku,
    'created_at', {utc("created_at")}, 'updated_at', {utc("updated_at")})"""
ITEM = f"SELECT {ITEM_JSON}::text FROM inventory WHERE id = %(id)s AND deleted_at IS NULL"
ITEMS = f"""SELECT coalesce(json_agg({ITEM_JSON} ORDER BY id), '[]')::text
FROM (SELECT * FROM inventory WHERE deleted_at IS NULL ORDER BY id LIMIT %(limit)s OFFSET %(offset)s) item"""
ITEM_COUNT = "SELECT count(*) FROM inventory WHERE deleted_at IS NULL"

TICKET_JSON = f"""json_build_object('id', t.id, 'customer_id', t.customer_id, 'service_date', t.service_date, 'description', t.description, 'vin', t.vin,
    'mechanics', m.mechanics, 'parts', p.parts, 'parts_total', p.total, 'created_at', {utc("t.created_at")}, 'updated_at', {utc("t.updated_at")})"""
PART_JSON = """json_build_object('inventory_id', line.inventory_id, 'name', name, 'quantity', line.quantity,
    'unit_price', unit_price, 'total', unit_price * line.quantity)"""
CHILDREN = f"""
CROSS JOIN LATERAL (
    SELECT coalesce(json_agg(json_build_object('id', id, 'name', name) ORDER BY id), '[]') AS mechanics
    FROM ticket_mechanics JOIN mechanics ON id = mechanic_id WHERE ticket_id = t.id) m
CROSS JOIN LATERAL (
    SELECT coalesce(json_agg({PART_JSON} ORDER BY inventory_id), '[]') AS parts, coalesce(sum(unit_price * line.quantity), 0) AS total
    FROM ticket_parts line JOIN inventory ON inventory.id = inventory_id WHERE ticket_id = t.id) p"""
TICKET = f"SELECT {TICKET_JSON}::text FROM service_tickets t {CHILDREN} WHERE t.id = %(id)s AND t.deleted_at IS NULL"


def tickets(which: str) -> str:
    return f"""SELECT coalesce(json_agg({TICKET_JSON} ORDER BY t.service_date DESC, t.id DESC), '[]')::text, min(t.id) FILTER (WHERE t.row = %(limit)s)
FROM (SELECT *, row_number() OVER (ORDER BY service_date DESC, id DESC) AS row FROM (
    SELECT * FROM service_tickets WHERE deleted_at IS NULL {which}) chosen) t {CHILDREN}"""


# Each returns the array and, if the page is full, the id of its last ticket.
PAGE = tickets("ORDER BY service_date DESC, id DESC LIMIT %(limit)s OFFSET %(offset)s")
AFTER = tickets("""AND (service_date, id) < ((SELECT service_date FROM service_tickets WHERE id = %(after)s), %(after)s)
    ORDER BY service_date DESC, id DESC LIMIT %(limit)s""")
TICKET_COUNT = "SELECT count(*) FROM service_tickets WHERE deleted_at IS NULL"

# Parts are locked in the order of their ids, so that two requests can't deadlock, and "granted" has a row only if every condition
# holds for the locked rows. An UPDATE of them then works on their newest version. Both statements return whether every id is known.
CREATE = f"""
WITH want AS (SELECT inventory_id, sum(quantity)::int AS quantity FROM unnest(%(parts)s::int[], %(quantities)s::int[]) AS w (inventory_id, quantity) GROUP BY 1),
locked AS MATERIALIZED (SELECT id, quantity FROM inventory WHERE id = ANY(%(parts)s) AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE),
assigned AS MATERIALIZED (SELECT id, name FROM mechanics WHERE id = ANY(%(mechanics)s) AND deleted_at IS NULL),
checked AS (SELECT (SELECT count(*) FROM locked) = (SELECT count(*) FROM want)
    AND (SELECT count(*) FROM assigned) = (SELECT count(DISTINCT id) FROM unnest(%(mechanics)s::int[]) id)
    AND EXISTS (SELECT FROM customers WHERE id = %(customer_id)s AND deleted_at IS NULL) AS known),
granted AS (SELECT FROM checked WHERE known AND NOT EXISTS (SELECT FROM want JOIN locked ON id = inventory_id WHERE locked.quantity < want.quantity)),
line AS (UPDATE inventory i SET quantity = i.quantity - want.quantity, updated_at = now() FROM want, granted WHERE i.id = want.inventory_id
    RETURNING i.id AS inventory_id, i.name, i.price AS unit_price, want.quantity, i.quantity AS balance),
t AS (INSERT INTO service_tickets (customer_id, service_date, description, vin)
    SELECT %(customer_id)s, %(service_date)s, %(description)s, %(vin)s FROM granted RETURNING *),
added_mechanics AS (INSERT INTO ticket_mechanics SELECT t.id, assigned.id FROM t, assigned),
added_parts AS (INSERT INTO ticket_parts (ticket_id, inventory_id, quantity, unit_price) SELECT t.id, inventory_id, quantity, unit_price FROM t, line),
ledger AS (INSERT INTO stock_movements (inventory_id, change, balance, reason, ticket_id, actor)
    SELECT inventory_id, -quantity, balance, 'used', t.id, %(actor)s FROM t, line ORDER BY inventory_id),
m AS (SELECT coalesce(json_agg(json_build_object('id', id, 'name', name) ORDER BY id), '[]') AS mechanics FROM assigned),
p AS (SELECT coalesce(json_agg({PART_JSON} ORDER BY inventory_id), '[]') AS parts, coalesce(sum(unit_price * quantity), 0) AS total FROM line)
SELECT known, t.id, {TICKET_JSON}::text FROM checked, m, p LEFT JOIN t ON true"""

# A positive change puts parts on the ticket, a negative one takes them off. The ticket is locked first.
CHANGE = """
WITH want AS (SELECT inventory_id, sum(change)::int AS change FROM unnest(%(parts)s::int[], %(changes)s::int[]) AS w (inventory_id, change) GROUP BY 1),
ticket AS MATERIALIZED (SELECT id FROM service_tickets WHERE id = %(id)s AND deleted_at IS NULL FOR NO KEY UPDATE),
locked AS MATERIALIZED (SELECT id, quantity, price FROM inventory
    WHERE id = ANY(%(parts)s) AND deleted_at IS NULL AND EXISTS (SELECT FROM ticket) ORDER BY id FOR NO KEY UPDATE),
held AS MATERIALIZED (SELECT inventory_id, quantity FROM ticket_parts
    WHERE ticket_id = %(id)s AND inventory_id = ANY(%(parts)s) AND (SELECT count(*) FROM locked) > 0 FOR UPDATE),
checked AS (SELECT EXISTS (SELECT FROM ticket) AS found, (SELECT count(*) FROM locked) = (SELECT count(*) FROM want) AS known),
granted AS (SELECT FROM checked WHERE found AND known AND NOT EXISTS (
    SELECT FROM want JOIN locked ON id = inventory_id LEFT JOIN held USING (inventory_id)
    WHERE locked.quantity < want.change OR coalesce(held.quantity, 0) + want.change < 0)),
moved AS (UPDATE inventory i SET quantity = i.quantity - want.change, updated_at = now() FROM want, granted WHERE i.id = want.inventory_id
    RETURNING i.id AS inventory_id, want.change, i.quantity AS balance, i.price),
ledger AS (INSERT INTO stock_movements (inventory_id, change, balance, reason, ticket_id, actor)
    SELECT inventory_id, -change, balance, CASE WHEN change > 0 THEN 'used' ELSE 'returned' END, %(id)s, %(actor)s FROM moved ORDER BY inventory_id),
taken_off AS (DELETE FROM ticket_parts p USING moved, held
    WHERE p.ticket_id = %(id)s AND p.inventory_id = moved.inventory_id AND held.inventory_id = moved.inventory_id AND held.quantity + moved.change = 0),
kept AS (UPDATE ticket_parts p SET quantity = p.quantity + moved.change FROM moved, held
    WHERE p.ticket_id = %(id)s AND p.inventory_id = moved.inventory_id AND held.inventory_id = moved.inventory_id AND held.quantity + moved.change > 0),
put_on AS (INSERT INTO ticket_parts AS p (ticket_id, inventory_id, quantity, unit_price)
    SELECT %(id)s, inventory_id, change, price FROM moved WHERE change > 0 AND inventory_id NOT IN (SELECT inventory_id FROM held)
    ON CONFLICT (ticket_id, inventory_id) DO UPDATE SET quantity = p.quantity + excluded.quantity),
touched AS (UPDATE service_tickets SET version = version + 1, updated_at = now() FROM granted WHERE id = %(id)s)
SELECT found, known, EXISTS (SELECT FROM granted) FROM checked"""
