-- The tables of every peer.
CREATE TABLE customers (
    id serial PRIMARY KEY,
    name varchar(255) NOT NULL,
    email varchar(255) NOT NULL UNIQUE,
    phone varchar(20),
    password_hash varchar(255) NOT NULL,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz(0) NOT NULL DEFAULT now(),
    updated_at timestamptz(0) NOT NULL DEFAULT now(),
    deleted_at timestamptz(0)
);
CREATE TABLE mechanics (
    id serial PRIMARY KEY,
    name varchar(255) NOT NULL,
    email varchar(255) NOT NULL UNIQUE,
    phone varchar(20) NOT NULL,
    salary numeric(10,2) NOT NULL,
    role varchar(10) NOT NULL DEFAULT 'mechanic',
    password_hash varchar(255),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz(0) NOT NULL DEFAULT now(),
    updated_at timestamptz(0) NOT NULL DEFAULT now(),
    deleted_at timestamptz(0)
);
CREATE TABLE inventory (
    id serial PRIMARY KEY,
    name varchar(255) NOT NULL,
    sku varchar(64) UNIQUE,
    price numeric(10,2) NOT NULL CHECK (price >= 0),
    quantity integer NOT NULL DEFAULT 0 CHECK (quantity >= 0),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz(0) NOT NULL DEFAULT now(),
    updated_at timestamptz(0) NOT NULL DEFAULT now(),
    deleted_at timestamptz(0)
);
CREATE TABLE service_tickets (
    id serial PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES customers,
    service_date date NOT NULL,
    description varchar(2000) NOT NULL,
    vin varchar(50) NOT NULL,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz(0) NOT NULL DEFAULT now(),
    updated_at timestamptz(0) NOT NULL DEFAULT now(),
    deleted_at timestamptz(0)
);
CREATE TABLE ticket_mechanics (
    ticket_id integer NOT NULL REFERENCES service_tickets ON DELETE CASCADE,
    mechanic_id integer NOT NULL REFERENCES mechanics,
    PRIMARY KEY (ticket_id, mechanic_id)
);
CREATE TABLE ticket_parts (
    ticket_id integer NOT NULL REFERENCES service_tickets ON DELETE CASCADE,
    inventory_id integer NOT NULL REFERENCES inventory,
    quantity integer NOT NULL CHECK (quantity > 0),
    unit_price numeric(10,2) NOT NULL,
    PRIMARY KEY (ticket_id, inventory_id)
);
CREATE TABLE stock_movements (
    id serial PRIMARY KEY,
    inventory_id integer NOT NULL REFERENCES inventory,
    change integer NOT NULL,
    balance integer NOT NULL,
    reason varchar(10) NOT NULL,
    ticket_id integer REFERENCES service_tickets,
    actor varchar(40) NOT NULL,
    created_at timestamptz(0) NOT NULL DEFAULT now()
);
