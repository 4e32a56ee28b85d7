-- The shop of SEED.md.
INSERT INTO customers (id, name, email, phone, password_hash, created_at, updated_at)
SELECT c, 'Customer ' || c, 'customer' || c || '@example.com', '555-01' || lpad((c % 10000)::text, 4, '0'), '!', '2024-01-01 08:00Z', '2024-01-01 08:00Z'
FROM generate_series(1, 10000) c;

INSERT INTO mechanics (id, name, email, phone, salary, role, created_at, updated_at)
SELECT m, 'Mechanic ' || m, 'mechanic' || m || '@example.com', '555-02' || lpad(m::text, 4, '0'), (4000000 + m * 10000) / 100.0,
       CASE m WHEN 1 THEN 'admin' ELSE 'mechanic' END, '2024-01-01 08:00Z', '2024-01-01 08:00Z'
FROM generate_series(1, 50) m;

INSERT INTO inventory (id, name, sku, price, quantity, created_at, updated_at)
SELECT p, 'Part number ' || p, 'SKU-' || lpad(p::text, 6, '0'), (500 + p * 37 % 50000) / 100.0, 100000000 - 75 * 20, '2024-01-01 08:00Z', '2024-01-01 08:00Z'
FROM generate_series(1, 2000) p;

INSERT INTO service_tickets (id, customer_id, service_date, description, vin, created_at, updated_at)
SELECT t, t * 31 % 10000 + 1, date '2024-01-01' + t % 700, 'Brake inspection and oil change, visit ' || t, 'VIN' || lpad(t::text, 14, '0'),
       timestamptz '2024-01-01 08:00Z' + t % 700 * interval '24 hours', timestamptz '2024-01-01 08:00Z' + t % 700 * interval '24 hours'
FROM generate_series(1, 50000) t;

INSERT INTO ticket_mechanics SELECT t, (t + k * 17) % 50 + 1 FROM generate_series(1, 50000) t, generate_series(0, 1) k;

INSERT INTO ticket_parts
SELECT line.ticket_id, line.inventory_id, 20, inventory.price
FROM (SELECT t AS ticket_id, (t * 7 + k * 131) % 2000 + 1 AS inventory_id FROM generate_series(1, 50000) t, generate_series(0, 2) k) line
JOIN inventory ON inventory.id = line.inventory_id;

INSERT INTO stock_movements (inventory_id, change, balance, reason, actor, created_at)
SELECT id, 100000000, 100000000, 'received', 'mechanic:1', created_at FROM inventory ORDER BY id;
INSERT INTO stock_movements (inventory_id, change, balance, reason, ticket_id, actor, created_at)
SELECT line.inventory_id, -20, 100000000 - 20 * row_number() OVER (PARTITION BY line.inventory_id ORDER BY ticket.id), 'used', ticket.id, 'mechanic:1', ticket.created_at
FROM ticket_parts line JOIN service_tickets ticket ON ticket.id = line.ticket_id
ORDER BY ticket.id, line.inventory_id;

SELECT setval('customers_id_seq', 10000), setval('mechanics_id_seq', 50), setval('inventory_id_seq', 2000), setval('service_tickets_id_seq', 50000);

CREATE INDEX ON service_tickets (service_date DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX ON service_tickets (customer_id, service_date DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX ON ticket_mechanics (mechanic_id, ticket_id);
CREATE INDEX ON ticket_parts (inventory_id);
CREATE INDEX ON stock_movements (inventory_id, id);
CREATE INDEX ON stock_movements (ticket_id);
VACUUM (ANALYZE);
