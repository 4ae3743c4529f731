"""Vertica's own syntax in views, as PostgreSQL's dialect has it (SQL Reference Manual: SELECT)."""

import re

REWRITTEN = tuple(
    (re.compile(pattern, re.IGNORECASE), instead)
    for pattern, instead in (
        (r"::!", "::"),
        (r"^\s*AT\s+(?:EPOCH\s+(?:LATEST|\d+)|TIME\s+'[^']*')\s+", ""),
        (r"(?<!\s)\s++USING\s+PARAMETERS\s++(?:(?!\sUSING\s+PARAMETERS\s)[^()]|\([^()]*\))*+(?=\))", ""),
        (r"\bLIMIT\s+\d+\s+OVER\s*\((?:[^()]|\([^()]*\))*\)", ""),
        (r"\bINTERPOLATE\s+(?:PREVIOUS|NEXT)\s+VALUE\b", "="),
        (r"\bMATCH\s*\((?=\s*PARTITION\b)(?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)", ""),
    )
)
"""Casts that never fail, historical queries, parameters of functions, the first rows of each group, joins of events,
patterns of events."""
