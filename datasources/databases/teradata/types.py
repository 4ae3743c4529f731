"""Teradata's codes for types of columns, in the words of its SQL."""

TYPES: dict[str, str] = {
    "I1": "BYTEINT", "I2": "SMALLINT", "I": "INTEGER", "I8": "BIGINT", "F": "FLOAT",
    "DA": "DATE", "AT": "TIME", "TZ": "TIME WITH TIME ZONE", "TS": "TIMESTAMP", "SZ": "TIMESTAMP WITH TIME ZONE",
    "YR": "INTERVAL YEAR", "YM": "INTERVAL YEAR TO MONTH", "MO": "INTERVAL MONTH", "DY": "INTERVAL DAY",
    "DH": "INTERVAL DAY TO HOUR", "DM": "INTERVAL DAY TO MINUTE", "DS": "INTERVAL DAY TO SECOND",
    "HR": "INTERVAL HOUR", "HM": "INTERVAL HOUR TO MINUTE", "HS": "INTERVAL HOUR TO SECOND", "MI": "INTERVAL MINUTE",
    "MS": "INTERVAL MINUTE TO SECOND", "SC": "INTERVAL SECOND",
    "PD": "PERIOD(DATE)", "PT": "PERIOD(TIME)", "PZ": "PERIOD(TIME WITH TIME ZONE)", "PS": "PERIOD(TIMESTAMP)",
    "PM": "PERIOD(TIMESTAMP WITH TIME ZONE)",
    "JN": "JSON", "XM": "XML", "CO": "CLOB", "BO": "BLOB", "UT": "UDT", "A1": "ARRAY", "AN": "ARRAY", "DT": "DATASET",
}  # fmt: skip
"""Without a length."""
SIZED = {"CF": "CHAR", "CV": "VARCHAR", "BF": "BYTE", "BV": "VARBYTE"}
UNICODE = 2
"""Of the column `CharType`: two bytes a character."""
FLOATING = -128
"""Of the digits of a `NUMBER` that has no fixed number of them."""
UNKNOWN = "unknown"


def type_text(code: str | None, length: int | None, digits: int | None, scale: int | None, charset: int | None) -> str:
    """A column's type; that of a view's column is not kept, unless the system has the feature QVCI."""
    short = (code or "").strip()
    if short in SIZED:
        return f"{SIZED[short]}({int(length or 0) // (UNICODE if int(charset or 0) == UNICODE else 1)})"
    if short == "D":
        return f"DECIMAL({int(digits or 0)},{int(scale or 0)})"
    if short == "N":
        fixed = digits is not None and int(digits) != FLOATING
        return f"NUMBER({int(digits or 0)},{int(scale or 0)})" if fixed else "NUMBER"
    return TYPES.get(short, short or UNKNOWN)
