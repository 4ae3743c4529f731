"""Include and exclude lists: newline-separated globs on `schema.table` or `database.schema.table`."""

import re
from fnmatch import translate


class Globs:
    """Which tables are wanted. No include list means all; exclude wins. Case counts."""

    def __init__(self, include: str | None, exclude: str | None, database: str) -> None:
        self._include = _patterns(include)
        self._exclude = _patterns(exclude)
        self._database = database

    def match(self, schema: str, table: str) -> bool:
        """Whether this table is wanted."""
        names = (f"{schema}.{table}", f"{self._database}.{schema}.{table}")
        included = not self._include or any(pattern.match(name) for pattern in self._include for name in names)
        return included and not any(pattern.match(name) for pattern in self._exclude for name in names)


def _patterns(globs: str | None) -> list[re.Pattern[str]]:
    return [re.compile(translate(line.strip())) for line in (globs or "").splitlines() if line.strip()]
