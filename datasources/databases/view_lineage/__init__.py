"""What views read, from their texts: believed as far as the server's own record of them agrees."""

from datasources.databases.view_lineage.apart import Texts, lineage_apart
from datasources.databases.view_lineage.lineage import lineage_of
from datasources.databases.view_lineage.reading import LENGTH_LIMIT, View

__all__ = ["LENGTH_LIMIT", "Texts", "View", "lineage_apart", "lineage_of"]
