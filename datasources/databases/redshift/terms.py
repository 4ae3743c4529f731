"""What a transaction is bound to on Redshift, which knows fewer settings than PostgreSQL."""

from typing import ClassVar

from datasources.databases.postgres.transaction import Terms
from datasources.databases.redshift.model import DEFAULT_GROUP


class RedshiftTerms(Terms, frozen=True):
    """Every transaction is serializable there; there is no limit for locks, and roles need not be taken on."""

    group: str = DEFAULT_GROUP
    """The query group whose queue its statements wait in."""
    leave: ClassVar[str] = "ROLLBACK"
    impatient: ClassVar[str] = "SET LOCAL statement_timeout = 1000"

    def begin(self, *, writes: bool = False, snapshot: bool = False, own: bool = True) -> str:
        """The statements that begin it; every transaction sees one snapshot."""
        statements = [
            f"BEGIN READ {'WRITE' if writes else 'ONLY'}",
            f"SET LOCAL statement_timeout = {max(1, round(self.seconds * 1000))}",
        ]
        if self.group != DEFAULT_GROUP:
            statements.append(f"SET LOCAL query_group TO {constant(self.group)}")
        if own:
            statements.append("SET LOCAL search_path = pg_catalog")
        return "; ".join(statements)


def constant(text: str) -> str:
    """A text as a constant, in which a backslash escapes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
