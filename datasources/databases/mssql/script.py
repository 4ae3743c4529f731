"""The script of a session: SET statements that change how it reads, and no other statement (security row 6)."""

import re

SPACE = r"\s+"
SWITCHES = (
    *("ansi_null_dflt_off", "ansi_null_dflt_on", "ansi_nulls", "ansi_padding", "ansi_warnings"),
    *("arithabort", "arithignore", "concat_null_yields_null", "cursor_close_on_commit", "nocount"),
    *("numeric_roundabort", "quoted_identifier", "result_set_caching", "xact_abort"),
)
NUMBERS = ("datefirst", "lock_timeout", "textsize", "query_governor_cost_limit")
WORDS = ("dateformat", "deadlock_priority", "language")
LEVELS = ("read uncommitted", "read committed", "repeatable read", "snapshot", "serializable")
ALLOWED = re.compile(
    rf"set\s+(?:(?:{'|'.join(SWITCHES)})\s+(?:on|off)|(?:{'|'.join(NUMBERS)})\s+-?\d{{1,10}}"
    rf"|(?:{'|'.join(WORDS)})\s+'?[\w ]{{1,64}}'?"
    rf"|transaction\s+isolation\s+level\s+(?:{'|'.join(level.replace(' ', SPACE) for level in LEVELS)}))",
    re.IGNORECASE,
)
"""What a session may be set to: none of it writes, becomes another user, or leaves the database."""


def statements_of(script: str | None) -> list[str]:
    """Its statements, which end with a line or a semicolon. Raises `ValueError` for one that is none of `ALLOWED`."""
    found = []
    for number, line in enumerate((script or "").splitlines(), 1):
        for statement in line.partition("--")[0].split(";"):
            if not statement.strip():
                continue
            if not ALLOWED.fullmatch(statement.strip()):
                raise ValueError(f"`session_script`, line {number}, is not a SET statement that a session may have")
            found.append(statement.strip())
    return found
