"""What users write stays text wherever it is shown (docs/security.md, row 20)."""

import pytest

from datasources.model.inputs.texts import LINE_BREAKS, hidden_character, markdown_text, plain, visible

HIDDEN = [
    *map(chr, (*range(0x20), 0x7F, *range(0x80, 0xA0))),  # C0 with ESC and line breaks, DEL, C1
    *map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))),  # directions of text
    *map(chr, (*range(0x200B, 0x2010), 0x2060, 0xFEFF, 0xAD, 0x2028, 0x2029, 0xE0041)),  # no width, or a line's end
]
SEEN = ["Shop", "ünï 日本 שלום", "a-b_c (2)", "50 % <b>", "🐘", "e\u0301"]


@pytest.mark.parametrize("char", HIDDEN, ids=lambda char: f"U+{ord(char):04X}")
def test_hidden_characters(char: str) -> None:
    """Found wherever they are, and shown as a mark."""
    assert hidden_character(f"a{char}b") == char
    assert visible(f"a{char}b") in ("a\ufffdb", "a b")


@pytest.mark.parametrize("text", SEEN)
def test_what_is_seen(text: str) -> None:
    """Stays as it is."""
    assert hidden_character(text) is None
    assert visible(text) == text


def test_lines() -> None:
    """A description may have several, a name may not."""
    assert hidden_character("one\n\ttwo\r\n", LINE_BREAKS) is None
    assert hidden_character("one\ntwo") == "\n"
    assert hidden_character("one\n\x1b[31m", LINE_BREAKS) == "\x1b"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Shop (2)", "Shop (2)"),
        ("![p](http://127.0.0.1:9/p.png)", r"\!\[p\](http\://127.0.0.1\:9/p.png)"),
        ("[c](javascript:alert(1))", r"\[c\](javascript\:alert(1))"),
        ("<img src=x onerror=alert(1)>", r"\<img src=x onerror=alert(1)\>"),
        ("a\n# H", r"a \# H"),
        ("www.evil.example", r"www\.evil.example"),
        ("me@evil.example", r"me\@evil.example"),
        ("&lt;b&gt;", r"\&lt;b\&gt;"),
        ("*a* _b_ `c` ~~d~~ | e", r"\*a\* \_b\_ \`c\` \~\~d\~\~ \| e"),
        ("\u202eevil", "\ufffdevil"),
    ],
)
def test_markdown(text: str, shown: str) -> None:
    """Renders as the text itself."""
    assert markdown_text(text) == shown


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("Expected `int`, got `str`", "Expected a whole number, got text"),
        ("Expected `str | null`, got `int`", "Expected text, got a whole number"),
        ("Expected `int` >= 10", "Expected a whole number of at least 10"),
        ("Expected `float` <= 10.0", "Expected a number of at most 10"),
        ("Expected `str` of length >= 1", "This must not be empty"),
        ("Expected `str` of length <= 200", "Expected at most 200 characters"),
        ("Expected `array` of length <= 1", "Expected at most 1 entry"),
        ("Invalid enum value '7x'", "'7x' is not one of the values that are accepted here"),
        ("Object missing required field `user`", "This field is required"),
        (r"Expected `str` matching regex '^[^\\x00-\\x1f\\x7f]*$(?!\\n)'", "Control characters are not accepted here"),
        (
            r"Expected `str` matching regex '^[^\\x00-\\x1f\\x7f;]+$(?!\\n)'",
            "Control characters and semicolons are not accepted here",
        ),
        (
            r"Expected `str` matching regex '^[\\w.-]+$(?!\\n)'",
            "Only letters, digits, _ and . - are accepted here",
        ),
        (
            r"Expected `str` matching regex '^[a-z0-9-]+$(?!\\n)'",
            "Only lower-case letters, digits and - are accepted here",
        ),
        (
            r"Expected `str` matching regex '^[A-Za-z0-9][A-Za-z0-9._-]+$(?!\\n)'",
            "Only letters, digits and . _ - are accepted here, with a letter or a digit first",
        ),
        (r"Expected `str` matching regex '^s3://[a-z]+(/x)?$'", "This does not have the form that is expected here"),
        ("`host` has a port in it", "`host` has a port in it"),
    ],
)
def test_what_is_wrong_with_a_value_is_said_without_names_of_types(reason: str, words: str) -> None:
    """Each kind of sentence that msgspec has; others stay as they are."""
    assert plain(reason) == words
