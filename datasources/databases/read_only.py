"""Does a query look as if it only reads? A help for the message, never the guard: that is the session."""

import re
from enum import StrEnum

_TOKEN = re.compile(
    r"""
    --[^\n]* | /\*.*?(?:\*/|\Z)                      # comments; what nests ends early, and then it is not recognised
    | [eE]'(?:[^'\\]|\\.|'')*(?:'|\Z) | '(?:[^']|'')*(?:'|\Z) | "(?:[^"]|"")*(?:"|\Z) | `[^`]*(?:`|\Z)
    | \$(\w*)\$.*?(?:\$\1\$|\Z)
    | (?P<word>[^\W\d]\w*) | (?P<end>;)
    """,
    re.VERBOSE | re.DOTALL,
)
READS = frozenset({"select", "values", "table", "show", "with", "explain", "describe", "desc"})
"""First words of statements that read."""
_OTHERS = """
insert update delete merge truncate create alter drop grant revoke comment copy import lock call do execute prepare
deallocate declare fetch move close set reset discard begin start commit rollback abort end savepoint release refresh
reindex cluster vacuum analyze analyse checkpoint listen notify unlisten load security reassign replace attach detach
pragma use install handler rename optimize repair kill flush exec
"""
WRITES = frozenset(_OTHERS.split())
"""First words of statements that do something else."""
DOUBTFUL = frozenset({"insert", "update", "delete", "merge", "into", "share"})
"""Words that may be a name, or write: in a CTE, after EXPLAIN ANALYZE, in SELECT … INTO and SELECT … FOR SHARE."""

_NAME = re.compile(r"""["`](\w+)["`]""")


def bare(sql: str) -> str:
    """This text without comments and without what is quoted, but for names that could do without their quotes."""

    def kept(token: re.Match[str]) -> str:
        if token["word"] or token["end"]:
            return token[0]
        name = _NAME.fullmatch(token[0])
        return name[1] if name else " "

    return _TOKEN.sub(kept, sql)


class Reading(StrEnum):
    """What a query looks like."""

    reads = "reads"
    writes = "writes"
    unclear = "unclear"


def judge(sql: str) -> Reading:
    """What this text looks like, leaving out quoted text and comments; several statements are unclear."""
    words: list[str] = []
    ended = False
    for token in _TOKEN.finditer(sql):
        if token["end"]:
            ended = bool(words)
        elif word := token["word"]:
            if ended:
                return Reading.unclear
            words.append(word.lower())
    if not words:
        return Reading.unclear
    if words[0] in WRITES:
        return Reading.writes
    return Reading.reads if words[0] in READS and not DOUBTFUL.intersection(words) else Reading.unclear
