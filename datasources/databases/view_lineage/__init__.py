"""What views read, according to their texts; where the server keeps a record of its own, the two must agree."""

from datasources.databases.view_lineage.apart import Texts, lineage_apart
from datasources.databases.view_lineage.lineage import lineage_of
from datasources.databases.view_lineage.reading import LENGTH_LIMIT, View

__all__ = ["LENGTH_LIMIT", "Texts", "View", "lineage_apart", "lineage_of"]
