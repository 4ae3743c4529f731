"""Products that sqlglot has no dialect of: their views' texts by the nearest one, and what is believed of that."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from sqlglot.dialects.dialect import Dialect

from datasources.databases.db2.session import Db2Session
from datasources.databases.sap_hana.session import HanaSession
from datasources.databases.vertica.session import VerticaSession
from datasources.databases.view_lineage import LENGTH_LIMIT
from datasources.databases.warehouse.session import WarehouseSession
from tests.datasources.databases.near import db2, sap_hana, vertica
from tests.datasources.databases.near.kit import believed, measure

DOCS = Path(__file__).parents[4] / "docs" / "databases"
CASES = [
    pytest.param(HanaSession, sap_hana, "SHOP", id="sap_hana"),
    pytest.param(VerticaSession, vertica, "shop", id="vertica"),
    pytest.param(Db2Session, db2, "SHOP", id="db2"),
]


@pytest.mark.parametrize(("session", "product", "home"), CASES)
def test_what_is_believed_is_true(session: type[WarehouseSession], product: ModuleType, home: str) -> None:
    """No column of the test views is told wrongly; how many are told is what the documents say."""
    found = measure(product.VIEWS, product.COLUMNS, home, session.dialect, session.rewritten)
    assert session.near
    assert found.wrong == 0
    page = " ".join((DOCS / f"{product.__name__.rpartition('.')[2]}.md").read_text().split())
    assert f"syntax, {found.read} of {len(product.VIEWS)} are read this way" in page
    assert f"{found.right} of {found.all} pairs of columns" in page


@pytest.mark.parametrize(("session", "product", "home"), CASES)
def test_no_other_dialect_is_nearer(session: type[WarehouseSession], product: ModuleType, home: str) -> None:
    """Of all that sqlglot has, none tells more of the test views without telling something wrong."""
    ours = measure(product.VIEWS, product.COLUMNS, home, session.dialect, session.rewritten)
    for dialect in sorted(Dialect.classes):
        other = measure(product.VIEWS, product.COLUMNS, home, dialect, session.rewritten)
        assert other.wrong or other.right <= ours.right, dialect


@pytest.mark.parametrize(("session", "product", "home"), CASES)
def test_another_record(session: type[WarehouseSession], product: ModuleType, home: str) -> None:
    """Where the server names one table more or less than a text does, its columns are unread."""
    more = next(name for name in product.COLUMNS if name[1].lower() == "rates")
    for view in product.VIEWS:
        others = [f"{schema}.{table}" for schema, table in view.recorded[1:]]
        names = [*view.reads.split(), ".".join(more)] if more not in view.recorded else others
        for reads in (names, others):
            if reads:
                changed = replace(view, reads=" ".join(reads), made="", width=len(view.columns))
                assert believed(changed, product.COLUMNS, home, session.dialect, session.rewritten) is None, (
                    view.text,
                    reads,
                )
    assert believed(product.BY_ANOTHER_NAME, product.COLUMNS, home, session.dialect, session.rewritten) is None


LONG = [
    " " * LENGTH_LIMIT,
    *(
        f"SELECT 1 {words}{' ' * 150_000}x"
        for words in ("WITH CHECK OPTION", "WITH ROW MOVEMENT", "WITH", "FOR", "CONCAT")
    ),
    "CREATE TABLE T " + " AS()" * 30_000,
    *(
        words * (150_000 // len(words))
        for words in (" USING PARAMETERS", "WITH HINT(", "MATCH(PARTITION ", "LIMIT 1 OVER(")
    ),
    "1" * 150_000,
]
"""Texts in which a pattern could begin again at each place."""


@pytest.mark.parametrize(("session", "product", "home"), CASES)
def test_a_text_is_rewritten_in_one_go(session: type[WarehouseSession], product: ModuleType, home: str) -> None:
    """Any user may have written it, and while a pattern looks for its end, the process does nothing else."""
    for text in LONG:
        for pattern, instead in session.rewritten:
            pattern.sub(instead, text)
