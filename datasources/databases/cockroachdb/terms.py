"""What a transaction is bound to on CockroachDB."""

from typing import ClassVar

from datasources.databases.postgres.transaction import Terms


class CockroachTerms(Terms, frozen=True):
    """PostgreSQL's, but that its advisory locks are none, so that there are none to give up.

    A transaction that changes a schema has to be serializable there.
    """

    isolation: ClassVar[str] = "SERIALIZABLE"
    leave: ClassVar[str] = "ROLLBACK"
