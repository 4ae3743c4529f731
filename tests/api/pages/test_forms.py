"""What a form says about its fields."""

import pytest

from api.pages.forms import problems
from api.wire.errors import Invalid


@pytest.mark.parametrize(
    ("place", "sentence", "shown"),
    [
        (["body", "options", "host"], "`host` is a path; write the name of a server", "This is a path; write the name of a server"),
        (["body", "options", "host"], "This field is required", "This field is required"),
        (["body", "options"], "`rootcert` is needed for sslmode verify-ca", "`rootcert` is needed for sslmode verify-ca"),
        (["body", "options", "session_script"], "`session_script`, line 1, is empty", "`session_script`, line 1, is empty"),
    ],
)  # fmt: skip
def test_a_sentence_beside_its_field_does_not_repeat_its_name(
    place: list[str | int], sentence: str, shown: str
) -> None:
    """The field has a title there, and the name is the API's; of another field, or in the middle, it stays."""
    assert problems(Invalid(place, sentence)) == {".".join(map(str, place[1:])): shown}


def test_no_fault_no_sentence() -> None:
    """A form that is shown for the first time says nothing."""
    assert problems(None) == {}
