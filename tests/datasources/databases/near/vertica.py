"""Texts of views as Vertica keeps them (`v_catalog.views.view_definition`), in the syntax of its SQL Reference Manual."""

from tests.datasources.databases.near.kit import NearView

COLUMNS = {
    ("shop", "orders"): ["id", "customer_id", "total", "ordered_at", "status", "note"],
    ("shop", "customers"): ["id", "name", "country", "since"],
    ("shop", "clicks"): ["user_id", "clicked_at", "page", "__raw__"],
    ("finance", "rates"): ["currency", "valid_on", "rate"],
}
VIEWS = [
    NearView("SELECT customers.id, customers.name FROM shop.customers", "shop.customers", "id>0 name>1"),
    NearView("SELECT id, name FROM customers", "shop.customers", "id>0 name>1"),
    NearView("SELECT currency, rate FROM rates", "finance.rates", "currency>0 rate>1"),
    NearView("SELECT * FROM shop.customers", "shop.customers", "id>0 name>1 country>2 since>3"),
    NearView(
        "SELECT o.id AS order_id, c.name, (o.total * r.rate) AS in_eur FROM ((shop.orders o JOIN shop.customers c"
        " ON ((o.customer_id = c.id))) LEFT JOIN finance.rates r ON ((r.valid_on = (o.ordered_at)::date)))",
        "shop.orders shop.customers finance.rates", "orders.id>0 customers.name>1 orders.total>2 rates.rate>2",
    ),
    NearView(
        "SELECT note::!int AS n, (total)::varchar(20) AS t, NVL(status, 'x') AS s FROM shop.orders",
        "shop.orders", "note>0 total>1 status>2",
    ),
    NearView(
        "SELECT DECODE(status, 1, 'open', 'closed') AS s, DATEDIFF('day', ordered_at, GETDATE()) AS age,"
        " DATE_TRUNC('month', ordered_at) AS m, TO_CHAR(ordered_at, 'YYYY') AS y FROM shop.orders",
        "shop.orders", "status>0 ordered_at>1 ordered_at>2 ordered_at>3",
    ),
    NearView(
        "SELECT id FROM shop.orders WHERE ordered_at > (NOW() - INTERVAL '30 days') AND status <=> NULL", "shop.orders", "id>0"
    ),
    NearView(
        "SELECT customer_id, id FROM shop.orders LIMIT 1 OVER (PARTITION BY customer_id ORDER BY ordered_at DESC)",
        "shop.orders", "customer_id>0 id>1",
    ),
    NearView(
        "SELECT slice_time, TS_FIRST_VALUE(total, 'LINEAR') AS t FROM shop.orders"
        " TIMESERIES slice_time AS '1 hour' OVER (PARTITION BY customer_id ORDER BY ordered_at)",
        "shop.orders", "total>1 ordered_at>0",
    ),
    NearView(
        "SELECT user_id, page FROM shop.clicks MATCH (PARTITION BY user_id ORDER BY clicked_at"
        " DEFINE Entry AS page = 'home', Buy AS page = 'buy' PATTERN P AS (Entry Buy*))",
        "shop.clicks", "user_id>0 page>1",
    ),
    NearView(
        "SELECT c.page, r.rate FROM shop.clicks c LEFT OUTER JOIN finance.rates r"
        " ON c.clicked_at INTERPOLATE PREVIOUS VALUE r.valid_on",
        "shop.clicks finance.rates", "clicks.page>0 rates.rate>1",
    ),
    NearView("AT EPOCH LATEST SELECT id FROM shop.orders", "shop.orders", "id>0"),
    NearView(
        "SELECT /*+SYNTACTIC_JOIN*/ o.id FROM shop.orders o JOIN /*+JTYPE(H)*/ shop.customers c ON o.customer_id = c.id",
        "shop.orders shop.customers", "orders.id>0",
    ),
    NearView(
        "SELECT country, LISTAGG(name USING PARAMETERS separator=', ') AS names FROM shop.customers GROUP BY country",
        "shop.customers", "country>0 name>1",
    ),
    NearView(
        "SELECT user_id, CONDITIONAL_TRUE_EVENT(page = 'home') OVER (PARTITION BY user_id ORDER BY clicked_at) AS visit"
        " FROM shop.clicks",
        "shop.clicks", "user_id>0 page>1 user_id>1 clicked_at>1",
    ),
    NearView(
        "SELECT id, FIRST_VALUE(total IGNORE NULLS) OVER (PARTITION BY customer_id ORDER BY ordered_at) AS f FROM shop.orders",
        "shop.orders", "id>0 total>1 customer_id>1 ordered_at>1",
    ),
    NearView("SELECT MAPLOOKUP(__raw__, 'colour') AS colour FROM shop.clicks", "shop.clicks", "__raw__>0"),
    NearView(
        "SELECT EXPLODE(id, total USING PARAMETERS explode_count=1) OVER (PARTITION BEST) FROM shop.orders",
        "shop.orders", "", width=3,
    ),
    NearView(
        "SELECT PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY total) OVER (PARTITION BY customer_id) AS median FROM shop.orders",
        "shop.orders", "total>0 customer_id>0",
    ),
    NearView(
        "WITH /*+ENABLE_WITH_CLAUSE_MATERIALIZATION */ big AS (SELECT customer_id, total FROM shop.orders WHERE total > 100)"
        " SELECT c.name, big.total FROM big JOIN shop.customers c ON c.id = big.customer_id",
        "shop.orders shop.customers", "customers.name>0 orders.total>1",
    ),
    NearView(
        "SELECT name FROM shop.customers c WHERE EXISTS (SELECT 1 FROM shop.orders o WHERE o.customer_id = c.id)",
        "shop.customers shop.orders", "customers.name>0",
    ),
    NearView(
        "SELECT id FROM shop.customers EXCEPT SELECT customer_id FROM shop.orders",
        "shop.customers shop.orders", "customers.id>0 orders.customer_id>0",
    ),
    NearView(
        "SELECT country, COUNT(*) AS n FROM shop.customers GROUP BY ROLLUP(country) HAVING GROUPING(country) = 0",
        "shop.customers", "country>0", width=2,
    ),
    NearView(
        "SELECT REGEXP_SUBSTR(note, '[0-9]+') AS n, note ILIKE 'a%' AS a, SPLIT_PART(note, ',', 1) AS p FROM shop.orders",
        "shop.orders", "note>0 note>1 note>2",
    ),
    NearView(
        "SELECT o.id, c.name FROM shop.orders o JOIN shop.customers c USING (id)",
        "shop.orders shop.customers", "orders.id>0 customers.name>1",
    ),
    NearView("SELECT id FROM shop.orders TABLESAMPLE(10)", "shop.orders", "id>0"),
    NearView(
        "SELECT q.t AS total FROM (SELECT SUM(orders.total) AS t, orders.customer_id FROM shop.orders"
        " GROUP BY orders.customer_id) q",
        "shop.orders", "total>0",
    ),
]  # fmt: skip
BY_ANOTHER_NAME = NearView("SELECT id FROM shop.orders_flat", "shop.orders", "id>0")
