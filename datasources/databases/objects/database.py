"""How a store of objects is reached."""

from typing import Any, ClassVar

from datasources.databases.base import Database
from datasources.databases.objects.session import NO_LINEAGE, NO_QUERIES
from datasources.model.errors import SourceUnreachable
from datasources.model.steps import TEST_QUERY
from datasources.model.vocabulary import ConfigurationCheckStep, ErrorCode


class StoreDatabase(Database):
    """A store of objects: a prefix in place of a schema, no lineage, no query."""

    scratch_word = "Prefix"
    lacks: ClassVar = {ConfigurationCheckStep.lineage_download: NO_LINEAGE, TEST_QUERY: NO_QUERIES}

    @classmethod
    def scratch_place(cls, source: Any) -> tuple[str | None, str] | None:
        """The prefix that `temp_schema` names, or else `materialize_path`; `/` is the whole bucket."""
        path = source.temp_schema or source.options.materialize_path
        return None if path is None else (None, path.strip().strip("/"))

    @classmethod
    def elsewhere(cls, source: Any, database: str) -> Any:
        """There are no other buckets in a source."""
        message = f"{cls.title} has no databases: temp_schema has to be a prefix"
        raise SourceUnreachable(ErrorCode.DATABASE_NOT_FOUND, message, {"stage": "database"})
