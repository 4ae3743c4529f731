"""SAP HANA's own syntax in views, as Oracle's dialect has it (SQL Reference Guide: SELECT)."""

import re

REWRITTEN = tuple(
    (re.compile(pattern, re.IGNORECASE), instead)
    for pattern, instead in (
        (r"\bWITH\s+HINT\s*\((?:[^()]|\([^()]*\))*\)", ""),
        (r"\b(?:EXACT\s+)?(?:ONE|MANY)\s+TO\s+(?:EXACT\s+)?(?:ONE|MANY)\s+JOIN\b", "JOIN"),
        (r"\(\s*(?:'PLACEHOLDER'\s*=|PLACEHOLDER\s*\.)(?:[^()]|\([^()]*\))*\)", ""),
        (r"\bMAP\s*\(", "DECODE("),
    )
)
"""Hints, the cardinality of a join, parameters of a calculation view, and a function by the name of a type."""
