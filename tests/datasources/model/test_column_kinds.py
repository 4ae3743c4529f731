"""Each product's words for types, and the kind that they are of."""

import pytest

from datasources.model.column_kinds import WORDS, ColumnKind, kind_of

TYPES = {
    "boolean": ["boolean", "BOOL", "tinyint(1)", "bit", "bit(1)", "Nullable(Bool)"],
    "integer": [
        "integer", "int(11)", "int(10) unsigned", "tinyint(4)", "tinyint(1) unsigned", "BYTEINT", "byte", "bigint", "INT64", "UInt8",
        "LowCardinality(Nullable(Int32))", "HUGEINT", "int8", "bigserial", "year(4)", "long", "unsigned integer",
    ],
    "decimal": ["numeric(10,2)", "DECIMAL(10, 2)", "NUMBER(38,0)", "money", "BIGNUMERIC", "Decimal64(3)"],
    "float": ["double precision", "DOUBLE", "real", "FLOAT64", "float(24)", "BINARY_DOUBLE", "Nullable(Float32)"],
    "text": [
        "text", "character varying(20)", "VARCHAR2(10 CHAR)", "nvarchar(max)", "STRING", "enum('a','b')", '"char"',
        "Enum8('a' = 1)", "FixedString(3)", "set('x')", "citext", "inet", "long varchar", "objectId", "LONGTEXT",
        "NATIONAL CHARACTER VARYING(20)", "SHORTTEXT(20)", "LONG",
    ],
    "binary": [
        "bytea", "BLOB", "varbinary(8)", "BYTES", "bit(8)", "bit varying(9)", "long raw", "raw(16)", "rowversion",
        "char(10) for bit data", "VARBYTE(16)", "BYTE(4)", "LONG VARBINARY(100)",
    ],
    "date": ["date", "DATE", "Date32", "Nullable(Date)"],
    "time": ["time without time zone", "TIME(6)", "timetz"],
    "timestamp": [
        "timestamp with time zone", "timestamp(6) without time zone", "DATETIME", "TIMESTAMP_NTZ(9)",
        "DateTime64(3, 'Europe/Berlin')", "datetimeoffset(7)", "datetime2",
    ],
    "interval": ["interval", "interval day to second", "IntervalDay"],
    "uuid": ["uuid", "UNIQUEIDENTIFIER"],
    "json": ["json", "jsonb", "VARIANT", "STRUCT<a INT64>", "struct(a integer)", "map<string,int>", "ROW(a int)", "xml", "SUPER"],
    "array": ["integer[]", "text[][]", "_int4", "float[3]", "ARRAY<STRING>", "Array(Nullable(String))", "list", "STRUCT(a INTEGER)[]"],
    "other": ["", "   ", "geometry(Point,4326)", "int4range", "shop.mood", "PERIOD(DATE)", "unknown", "AggregateFunction(sum, UInt64)", "😀"],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "type_text"), [(kind, text) for kind, texts in TYPES.items() for text in texts])
def test_each_type_is_of_a_kind(kind: str, type_text: str) -> None:
    """Whatever stands around the word: case, lengths, signs, zones, wrappers."""
    assert kind_of(type_text) is ColumnKind(kind)


def test_the_table_is_whole() -> None:
    """Each kind but `other` has its words, and no word is of two kinds."""
    assert {*WORDS} == {*ColumnKind} - {ColumnKind.other}
    words = [word for words in WORDS.values() for word in words.split()]
    assert len(words) == len({*words})
    assert all(kind_of(word) is kind for kind, words in WORDS.items() for word in words.split())
