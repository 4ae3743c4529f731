"""What the command line shows for people, for programs, and in quiet mode."""

import pytest
from sourcecheck.cli.output import Output


@pytest.mark.parametrize(
    ("modes", "shown"), [({}, "There are none\n"), ({"json": True}, "[]\n"), ({"quiet": True}, "")], ids=str
)
def test_a_list_without_entries(modes: dict[str, bool], shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A sentence says so to people; programs get an empty list."""
    out = Output(**modes)
    out.result([])
    out.table(["name", "kind"], [])
    assert capsys.readouterr() == (shown, "")


def test_a_list_with_an_entry(capsys: pytest.CaptureFixture[str]) -> None:
    """Its columns have headings."""
    Output(color=False).table(["name", "kind"], [["On call", "mail"]])
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [["name", "kind"], ["On", "call", "mail"]]
