"""Db2's own syntax in views, as Oracle's dialect has it (SQL Reference: fullselect, CREATE VIEW, special registers)."""

import re

UNITS = "YEARS?|MONTHS?|DAYS?|HOURS?|MINUTES?|SECONDS?|MICROSECONDS?"
REWRITTEN = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), instead)
    for pattern, instead in (
        (r"\bCURRENT\s+(DATE|TIME|TIMESTAMP)\b", r"CURRENT_\1"),
        (rf"\b(\d+)\s+(?:{UNITS})\b", r"\1"),
        (r"\bCONCAT\b(?!\s*\()", "||"),
        (r"\bFOR\s+(?:BIT|SBCS|MIXED)\s+DATA\b", ""),
        (r"\bFOR\s+SYSTEM_TIME\s+AS\s+OF\s+CURRENT_TIMESTAMP(?:\s*[-+]\s*\d+)?", ""),
        (r"\bWITH\s+(?:UR|CS|RS|RR)\b", ""),
        (r"\bWITH\s+(?:(?:CASCADED|LOCAL)\s+)?CHECK\s+OPTION\s*+;?+\s*+$", ""),
        (r"\bWITH\s+(?:NO\s+)?ROW\s+MOVEMENT\s*+;?+\s*+$", ""),
        (r"^\s*CREATE\s+(?:SUMMARY\s+)?TABLE\s+((?:(?!\bAS\s*\().)*+)AS\s*\((.*)\)\s*DATA\s+INITIALLY\s+DEFERRED\b.*$",
         r"CREATE VIEW \1 AS \2"),
    )
)  # fmt: skip
"""Special registers, durations, the operator CONCAT, kinds of text, isolation, options of views, and the statement of a
materialized query table."""
