"""What a transaction is bound to on CockroachDB."""

from typing import ClassVar

from datasources.databases.postgres.transaction import Terms


class CockroachTerms(Terms, frozen=True):
    """PostgreSQL's, but that its advisory locks are none, so that there are none to give up."""

    leave: ClassVar[str] = "ROLLBACK"
