"""What is kept of a step's details: in bounds whatever a server sends, and with a note of what is missing."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasources.model.results import StepResult
from datasources.model.vocabulary import Code, Outcome
from datasources.secrecy.scrubber import Scrubber
from tasks.sanitize import DETAILS_BYTES, ITEMS_LIMIT, MESSAGE_LIMIT, TEXT_LIMIT, clean, cut, visible

NOTES_BYTES = 4096
"""What the notes themselves may take."""
LONG = "x" * 63
BIG: dict[str, dict[str, Any]] = {
    "edges": {"edges": [{"source": "a.t", "target": "a.v", "columns": [LONG] * 1500}] * 200, "edge_count": 120},
    "many edges": {"edges": [{"source": LONG, "target": LONG}] * 100_000},
    "columns": {"tables": [{"name": LONG, "primary_key": [LONG] * 1600, "comment": "c" * 5000}] * 200},
    "a text": {"value": "x" * 5_000_000},
    "an object": {"schemas": {f"{LONG}{number}": number for number in range(50_000)}},
    "many keys": {f"key{number}": "x" * 900 for number in range(5000)},
    "deep": {"a": [[[[[[[[[[[["x" * 1000] * 9] * 9]]]]]]]]]]},
    "names that are long": {"schemas": {f"{number}{'x' * 5000}": 1 for number in range(500)}},
    "numbers": {"numbers": [[10**18] * 200] * 200},
    "lists of lists": {"a": [[["x"] * 200] * 200] * 200},
}


def size(details: dict[str, Any]) -> int:
    return len(msgspec.json.encode(details))


@pytest.mark.parametrize("kind", BIG)
def test_details_have_a_size(kind: str) -> None:
    """However they are large, they are not afterwards; and they say what is missing."""
    kept = cut(BIG[kind])
    assert size(kept) <= DETAILS_BYTES + NOTES_BYTES
    assert kept["cut"]


def test_true_counts_are_kept() -> None:
    """Where items are missing, their number is told, of lists in lists the largest; what is a count stays."""
    columns = [LONG[:3]] * (ITEMS_LIMIT + 7)
    kept = cut({"edge_count": 300, "edges": [{"columns": columns}, {"columns": columns[:-1]}], "text": "x" * 2000})
    assert kept["cut"] == {"edges[].columns": ITEMS_LIMIT + 7, "text": 2000}
    assert kept["edge_count"] == 300
    assert (len(kept["edges"][0]["columns"]), len(kept["text"])) == (ITEMS_LIMIT, TEXT_LIMIT)


def test_what_is_small_stays_as_it_is() -> None:
    """And has no note."""
    details = {
        "tables": [{"name": "orders", "rows": 3, "comment": None}],
        "schemas": {"shop": 1},
        "tls": True,
        "ms": 1.5,
    }
    assert cut(details) == details


json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=25)
@given(st.dictionaries(st.text(), json))
def test_whatever_is_found_can_be_kept(details: dict[str, Any]) -> None:
    """Any details become JSON that PostgreSQL stores: without NUL, and without half characters."""
    text = msgspec.json.encode(cut(details)).decode()
    assert "\\u0000" not in text
    assert not any("\ud800" <= char <= "\udfff" for char in text)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("a\x00b\x7f\x9b", r"a\x00b\x7f\x9b"),
        ("abc\u202etxt.exe\u2066", r"abc\u202etxt.exe\u2066"),
        ("back\rto the start", r"back\rto the start"),
        ("half \ud83d", r"half \ud83d"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("größer, 注文, 👩‍💻, שלום", "größer, 注文, 👩‍💻, שלום"),
    ],
)
def test_control_characters_are_shown(said: str, shown: str) -> None:
    """A terminal or a page shows them, and obeys none; letters of every script stay."""
    assert visible(said) == shown
    result = StepResult(code=Code.ERROR, message=said, outcome=Outcome.failed, details={"list": [{said: said}]})
    cleaned = clean(result, Scrubber([]))
    assert (cleaned.message, cleaned.details) == (shown, {"list": [{shown: shown}]})


def test_a_message_stays_short() -> None:
    """Also when writing its characters out makes it longer."""
    result = StepResult(code=Code.ERROR, message="\x1b" * 10_000, outcome=Outcome.failed)
    assert len(clean(result, Scrubber([])).message) <= MESSAGE_LIMIT
