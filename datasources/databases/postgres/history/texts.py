"""The texts of statements as PostgreSQL keeps them: which are worth parsing, and how a parser can read them."""

import re

WRITES = r"(\minto\M|\mupdate\M|\mcreate\s+((global|local)\s+)?((temp|temporary|unlogged)\s+)?table\M)"
READS = r"(\m(select|from|using)\M|\mas\s+(table|execute)\M|\mtable\s+\S+\s*$)"
TEMPORARY = r"\mcreate\s+((global|local)\s+)?temp(orary)?\s+table\M"
"""PostgreSQL's regular expressions, ignoring case: words that every statement needs to fill one table from another, and
those that make a temporary table. They keep the server from sending other texts; `is_worth_reading` looks closer."""
_WRITES, _READS, _TEMPORARY = (
    re.compile(pattern.replace(r"\m", r"\b").replace(r"\M", r"\b"), re.IGNORECASE)
    for pattern in (WRITES, READS, TEMPORARY)
)
WORD = re.compile(r"\w+")
TABLE = re.compile(r"create\s+(?:(?:global|local)\s+)?(?:(?:temp|temporary|unlogged)\s+)?table\b", re.IGNORECASE)
PREPARE = re.compile(r'prepare\s+(?:"[^"]*"|\w+)\s*(?:\([^;]*?\)\s*)?as\s+(?=insert|update|merge|with)', re.IGNORECASE)
FILLS = frozenset({"insert", "update", "merge", "with", "select", "do"})
"""First words of statements that may fill a table. No parser reads a block (`DO`): it counts as unread."""
PARAMETER = re.compile(r"""('(?:[^']|'')*'|"(?:[^"]|"")*")|(?<![\w$])\$\d+""")


def is_worth_reading(text: str) -> bool:
    """Whether a statement may fill one table from others, or make a temporary one, judging by its words."""
    if not (_WRITES.search(text) and _READS.search(text)) and not _TEMPORARY.search(text):
        return False
    begin = _begin(text)
    found = WORD.match(text, begin)
    first = found[0].lower() if found else ""
    if first == "create":
        return TABLE.match(text, begin) is not None
    return first in FILLS or (first == "prepare" and PREPARE.match(text, begin) is not None)


def readable(text: str) -> str:
    """The statement without what the parser rejects: PREPARE, and `$1` where a typed constant was."""
    prepared = PREPARE.match(text, _begin(text))
    text = text[prepared.end() :] if prepared else text
    return PARAMETER.sub(lambda found: found[1] or "'1'", text)


def _begin(text: str) -> int:
    """Where the first word begins, after spaces, comments and parentheses."""
    at = 0
    while at < len(text):
        if text[at].isspace() or text[at] == "(":
            at += 1
        elif text.startswith("--", at):
            at = text.find("\n", at) + 1 or len(text)
        elif text.startswith("/*", at):
            end = text.find("*/", at + 2)
            at = end + 2 if end >= 0 else len(text)
        else:
            break
    return at
