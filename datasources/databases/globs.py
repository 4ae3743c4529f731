"""Include and exclude lists: which tables of a source are wanted (contract 2.7).

One glob a line, or several with commas between them. `table` means that table in any schema, `schema.table` a table of
a schema, `database.schema.table` also which database. `*`, `?` and `[abc]` match within one part; what stands in double
quotes is meant literally, dots and all. Case counts.
"""

import re
from fnmatch import translate

from msgspec import Struct

_PART = re.compile(r'(?:"(?:[^"]|"")*"|[^".])*')
_SEPARATOR = re.compile(r'[\n\r,](?=(?:[^"]*"[^"]*")*[^"]*$)')


class Glob(Struct, frozen=True):
    """One pattern of a list, as it was written, and the expression for each of its parts, the last for the table."""

    text: str
    parts: tuple[re.Pattern[str], ...]

    def match(self, names: tuple[str, str, str]) -> bool:
        """Whether it matches a table by database, schema and name."""
        if len(self.parts) > len(names):
            return False
        return all(part.match(name) for part, name in zip(reversed(self.parts), reversed(names), strict=False))

    def in_any_case(self) -> "Glob":
        """The same, whatever the case of the letters."""
        return Glob(self.text, tuple(re.compile(part.pattern, re.IGNORECASE) for part in self.parts))


class Globs:
    """Which tables are wanted; it remembers which patterns have matched, and how many tables it was asked about.

    No include list means all; a table that is both included and excluded is out.
    """

    def __init__(self, include: str | None = None, exclude: str | None = None) -> None:
        self._include = parse_globs(include)
        self._exclude = parse_globs(exclude)
        self._unmatched = dict.fromkeys([*self._include, *self._exclude])
        self._any_case = {glob: glob.in_any_case() for glob in self._unmatched}
        self._other_case: dict[Glob, str] = {}
        self.seen = 0
        """Tables that it was asked about."""

    def match(self, schema: str, table: str, database: str = "") -> bool:
        """Whether this table is wanted."""
        self.seen += 1
        names = (database, schema, table)
        included = [glob for glob in self._include if glob.match(names)]
        excluded = [glob for glob in self._exclude if glob.match(names)]
        for glob in (*included, *excluded):
            self._unmatched.pop(glob, None)
        for glob in self._unmatched:
            if glob not in self._other_case and self._any_case[glob].match(names):
                self._other_case[glob] = f"{schema}.{table}"
        return (bool(included) or not self._include) and not excluded

    @property
    def unmatched(self) -> list[str]:
        """The patterns that have matched no table so far, as they were written."""
        return [glob.text for glob in self._unmatched]

    @property
    def hints(self) -> list[str]:
        """Of each pattern that matched nothing but for the case of its letters: what it nearly matched."""
        nearly = [(glob, name) for glob, name in self._other_case.items() if glob in self._unmatched]
        return [f"{glob.text} matches nothing; case matters: did you mean {name}?" for glob, name in nearly]


def parse_globs(text: str | None) -> list[Glob]:
    """The patterns of a list. Any text is one: what makes no sense matches nothing."""
    found = [part.strip() for part in _SEPARATOR.split(text or "")]
    return [Glob(glob, tuple(_expression(part) for part in _parts(glob))) for glob in found if glob]


def _parts(glob: str) -> list[str]:
    """Its parts at the dots outside of quotes."""
    parts, place = [], 0
    while place <= len(glob):
        found = _PART.match(glob, place)
        end = found.end() if found else place
        if end < len(glob) and glob[end] != ".":  # a quote that is never closed is a character as any other
            end = glob.find(".", end) if "." in glob[end:] else len(glob)
        parts.append(glob[place:end])
        place = end + 1
    return parts


def _expression(part: str) -> re.Pattern[str]:
    """A part as an expression: quoted text literally, the rest as a glob."""
    pieces = re.split(r'("(?:[^"]|"")*")', part)
    literal = [_literal(piece[1:-1].replace('""', '"')) if number % 2 else piece for number, piece in enumerate(pieces)]
    return re.compile(translate("".join(literal)))


def _literal(text: str) -> str:
    """The text as a glob that matches it and nothing else."""
    return re.sub(r"([*?\[])", r"[\1]", text)
