"""A small shop in the database `demo`: a few schemas, tables, foreign keys and views."""

import sqlite3
from contextlib import closing
from pathlib import Path

from deployments.stack.postgres import EmbeddedPostgres

SHOP = """
CREATE SCHEMA IF NOT EXISTS shop;
CREATE SCHEMA IF NOT EXISTS crm;
CREATE SCHEMA IF NOT EXISTS analytics;
CREATE SCHEMA IF NOT EXISTS scratch;
CREATE TABLE IF NOT EXISTS crm.customer (id integer PRIMARY KEY, name text NOT NULL, email text UNIQUE);
CREATE TABLE IF NOT EXISTS crm.note (
    id integer PRIMARY KEY, customer_id integer NOT NULL REFERENCES crm.customer, body text NOT NULL);
CREATE TABLE IF NOT EXISTS shop.product (id integer PRIMARY KEY, name text NOT NULL, price numeric(10, 2) NOT NULL);
CREATE TABLE IF NOT EXISTS shop.purchase (
    id integer PRIMARY KEY, customer_id integer NOT NULL REFERENCES crm.customer,
    placed_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE IF NOT EXISTS shop.purchase_line (
    purchase_id integer NOT NULL REFERENCES shop.purchase, product_id integer NOT NULL REFERENCES shop.product,
    quantity integer NOT NULL, PRIMARY KEY (purchase_id, product_id));
COMMENT ON TABLE crm.customer IS 'People who bought at least once';
COMMENT ON COLUMN shop.product.price IS 'In euro, without tax';
CREATE OR REPLACE VIEW analytics.revenue AS
    SELECT p.customer_id, sum(l.quantity * i.price) AS total
    FROM shop.purchase AS p JOIN shop.purchase_line AS l ON l.purchase_id = p.id
    JOIN shop.product AS i ON i.id = l.product_id GROUP BY p.customer_id;
CREATE MATERIALIZED VIEW IF NOT EXISTS analytics.best_customer AS
    SELECT c.id, c.name, r.total FROM crm.customer AS c JOIN analytics.revenue AS r ON r.customer_id = c.id;
INSERT INTO crm.customer SELECT n, 'Customer ' || n, n || '@example.org' FROM generate_series(1, 200) AS n
    ON CONFLICT DO NOTHING;
INSERT INTO shop.product SELECT n, 'Product ' || n, n * 1.5 FROM generate_series(1, 50) AS n ON CONFLICT DO NOTHING;
INSERT INTO shop.purchase (id, customer_id) SELECT n, 1 + n % 200 FROM generate_series(1, 500) AS n
    ON CONFLICT DO NOTHING;
INSERT INTO shop.purchase_line SELECT n, 1 + n % 50, 1 + n % 3 FROM generate_series(1, 500) AS n
    ON CONFLICT DO NOTHING;
ANALYZE;
"""


NOTES = """
CREATE TABLE IF NOT EXISTS note (id integer PRIMARY KEY, title text NOT NULL, body text);
CREATE TABLE IF NOT EXISTS tag (note_id integer NOT NULL REFERENCES note, name text NOT NULL);
CREATE VIEW IF NOT EXISTS tagged AS SELECT n.title, t.name FROM note AS n JOIN tag AS t ON t.note_id = n.id;
"""


def make_notes(file: Path) -> None:
    """Make a small SQLite database, unless it is there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file)) as session:
        session.executescript(NOTES)


def make_shop(postgres: EmbeddedPostgres) -> None:
    """Make what is not there yet, as the owner of the database."""
    with postgres.conninfo("demo").connect() as session:
        session.execute(SHOP)
