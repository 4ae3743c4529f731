"""What SQL Server is not sent as a test query: its statements need no semicolon between them, so every word counts."""

import re

from datasources.databases.values import no_reading, refuse_nul

TOKEN = re.compile(
    r"""
    (?P<comment> --[^\r\n]* | /\*.*?(?:\*/|\Z) )
    | '(?:[^']|'')*(?:'|\Z) | (?P<name> "(?:[^"]|"")*(?:"|\Z) | \[(?:[^\]]|\]\])*(?:\]|\Z) )
    | 0[xX][0-9a-fA-F]* | (?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d*)?   # a word may follow a number without a space
    | (?P<word> [^\W\d][\w@$\#]* ) | (?P<end> ; )
    """,
    re.VERBOSE | re.DOTALL,
)
FIRST = frozenset({"select", "with"})
_OTHERS = """
add alter backup begin bulk checkpoint close commit conversation create dbcc deallocate declare delete deny disk
drop dump exec execute goto grant if insert into kill load merge open opendatasource openquery openrowset print proc
procedure raiserror receive reconfigure rename restore return revert revoke rollback save send set setuser shutdown
throw tran transaction trigger truncate update updatetext use waitfor while writetext
"""
REFUSED = frozenset(_OTHERS.split())
"""Words of statements that do something else, and of what reaches out of the server. Most are reserved, so that a name
like them is in brackets anyway."""
FILES = frozenset(
    {
        *("fn_trace_gettable", "fn_xe_file_target_read_file", "fn_get_audit_file", "fn_get_audit_file_v2"),
        *("fn_dump_dblog", "dm_os_file_exists", "dm_os_enumerate_filesystem"),
    }
)
"""Functions that open a file by its path: on another machine, it has the server log in there with its own account."""
NEXT_VALUE = re.compile(r"\bnext value for\b")
"""It moves a sequence on, and no rollback moves it back."""


def require_reading(sql: str) -> None:
    """Raises `CheckError` for what is not one statement that reads, by its words outside of texts and names."""
    refuse_nul(sql)
    words: list[str] = []
    ended = re.search(r"\r(?!\n)", sql) is not None  # a line for one reader, and none for another
    for token in TOKEN.finditer(sql):
        comment, word = token["comment"], token["word"]
        if comment and comment.startswith("/*") and "/*" in comment[2:]:
            raise no_reading()  # comments nest here
        if not comment and ended:
            raise no_reading()
        ended = ended or bool(token["end"])
        if word:
            words.append(word.lower())
        if (word or (token["name"] or "")[1:-1]).lower() in FILES:
            raise no_reading()
    sequence = NEXT_VALUE.search(" ".join(words))
    if not words or words[0] not in FIRST or REFUSED.intersection(words) or sequence:
        raise no_reading()
