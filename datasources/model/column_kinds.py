"""Of which kind a column is: every server's own words for types, on a dozen that all have in common."""

import re
from enum import StrEnum


class ColumnKind(StrEnum):
    """What kind of value a column holds, whatever its server calls that."""

    boolean = "boolean"
    integer = "integer"
    decimal = "decimal"
    """Exact, with digits behind the point."""
    float = "float"
    text = "text"
    """Enumerations, addresses of networks and the like among it: what is written as text."""
    binary = "binary"
    date = "date"
    time = "time"
    timestamp = "timestamp"
    """A date and a time, with or without a zone."""
    interval = "interval"
    uuid = "uuid"
    json = "json"
    """Objects of any form: JSON, records, maps, variants, XML."""
    array = "array"
    other = "other"
    """Geometry, ranges, types of users, and what we do not know."""


WORDS: dict[ColumnKind, str] = {
    ColumnKind.boolean: "bool boolean bit logical",
    ColumnKind.integer: (
        "int integer tinyint smallint mediumint bigint hugeint byteint int1 int2 int3 int4 int8 int16 int32 int64"
        " int128 int256 uint8 uint16 uint32 uint64 uint128 uint256 utinyint usmallint uinteger ubigint uhugeint serial"
        " smallserial bigserial serial2 serial4 serial8 long short byte year oid xid cid signed unsigned"
    ),
    ColumnKind.decimal: (
        "decimal numeric number dec fixed money smallmoney bignumeric bigdecimal decimal32 decimal64 decimal128"
        " decimal256 decfloat smalldecimal"
    ),
    ColumnKind.float: "float real double float4 float8 float16 float32 float64 bfloat16 binary_float binary_double",
    ColumnKind.text: (
        "text string str char character varchar varchar2 nvarchar nvarchar2 nchar bpchar tinytext mediumtext longtext"
        " ntext clob nclob dbclob fixedstring shorttext alphanum enum enum8 enum16 set symbol name citext sysname"
        " inet cidr macaddr macaddr8 inet4 inet6 ipv4 ipv6 graphic vargraphic lvarchar objectid rowid"
        " urowid regex uri javascript national"
    ),
    ColumnKind.binary: (
        "blob bytea bytes binary varbinary tinyblob mediumblob longblob image raw bfile byte_array"
        " rowversion varbyte bindata bitstring varbit"
    ),
    ColumnKind.date: "date date32 daydate",
    ColumnKind.time: "time timetz time_ns secondtime",
    ColumnKind.timestamp: (
        "timestamp timestamptz timestampntz timestampltz timestamp_ntz timestamp_ltz timestamp_tz timestamp_s"
        " timestamp_ms timestamp_us timestamp_ns datetime datetime2 datetime64 datetime32 smalldatetime datetimeoffset"
        " seconddate longdate timestmp"
    ),
    ColumnKind.interval: "interval intervalsecond intervalminute intervalhour intervalday intervalweek intervalmonth",
    ColumnKind.uuid: "uuid uniqueidentifier guid",
    ColumnKind.json: (
        "json jsonb bson object variant struct row record map super xml xmltype hstore tuple nested dynamic union"
    ),
    ColumnKind.array: "array list repeated vector halfvec sparsevec multiset st_array",
}
"""The first word of each type, in small letters."""

_KINDS = {word: kind for kind, words in WORDS.items() for word in words.split()}
_WORD = re.compile(r"(?:sys\.|pg_catalog\.|unsigned )?([a-z_][a-z0-9_]*)")
_WRAPPED = re.compile(r"(?:nullable|lowcardinality|simpleaggregatefunction)\s*\((?:[a-z_]+, ?)?(.*)\)", re.DOTALL)
"""ClickHouse says this around a type."""
_MORE_THAN_A_WORD = (
    (re.compile(r".*\[\d*\]$|_\w"), ColumnKind.array),  # `integer[]`, and PostgreSQL's own name of it, `_int4`
    (re.compile(r"tinyint\(1\)(?! unsigned)"), ColumnKind.boolean),  # what MySQL makes of `boolean`
    (re.compile(r"bit varying|bit ?\((?!1\))"), ColumnKind.binary),  # more than one bit is no truth value
    (re.compile(r"long (raw|varbinary)|.* for bit data$"), ColumnKind.binary),
    (re.compile(r"long varchar"), ColumnKind.text),
    (re.compile(r"byte ?\(\d"), ColumnKind.binary),  # Teradata's; without a length it is a whole number of others
)
"""Types that their first word alone would get wrong."""


def kind_of(type_text: str) -> ColumnKind:
    """The kind of a column whose type the server writes like this; `other` for what the table does not have."""
    if type_text == "LONG":
        return ColumnKind.text  # Oracle's, which is not a number; all others that have the word write it small
    text = " ".join(type_text.lower().replace('"', "").split())
    while wrapped := _WRAPPED.fullmatch(text):
        text = wrapped[1].strip()
    for pattern, kind in _MORE_THAN_A_WORD:
        if pattern.match(text):
            return kind
    word = _WORD.match(text)
    return _KINDS.get(word[1], ColumnKind.other) if word else ColumnKind.other
