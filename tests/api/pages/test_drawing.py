"""Bars and lines: what they are drawn from can be read back."""

from api.pages.drawing.bars import bar, base36
from api.pages.drawing.spark import spark
from datasources.catalogue.health.overview import Check


def checks(text: str) -> list[Check]:
    """One check a minute: `+` passed, `-` failed, `?` says nothing."""
    verdicts = {"+": True, "-": False, "?": None}
    return [
        Check(1_000_000 + 60 * n, verdicts[sign], 10.0 if sign == "+" else None, "TIMEOUT" if sign == "-" else None, n)
        for n, sign in enumerate(text)
    ]


def test_runs_are_single_lines() -> None:
    """The newest check is at the right end, and each kind has a height of its own."""
    drawn = bar(checks("++-?+"))
    assert {kind: (line, thick) for kind, line, thick in drawn.paths} == {
        "p": ("M340 15.5h8M356 15.5h4", 17),
        "f": ("M348 12h4", 24),
        "n": ("M352 20.5h4", 7),
    }
    assert drawn.empty == 4 * 85 - 1
    assert drawn.label == "The last 5 checks: 3 passed, 1 failed, 1 without a verdict"


def test_what_repeats_is_left_out() -> None:
    """The time of the first check, the pause when it changes, and a reason when it is another one."""
    assert bar(checks("+--+?")).facts == f"{base36(1_000_000)}:a 1o::TIMEOUT ::= :a ::n"


def test_nothing_yet() -> None:
    """No check, no line and no figure."""
    assert (bar([]).paths, bar([]).label, spark([]).line, spark([]).middle) == ([], "No check yet", "", None)


def test_an_outlier_does_not_flatten_the_line() -> None:
    """It is cut at three medians."""
    times = [10.0, 12.0, 10.0, 5000.0, 11.0]
    found = spark([Check(60.0 * n, True, ms, None, n) for n, ms in enumerate(times)])
    assert found.middle == 11.0
    assert found.line == "M85 16l1-1l1 1l1-14l1 13"


def test_base36() -> None:
    """As a browser reads it."""
    assert [base36(number) for number in (0, 35, 36, -37, 1_700_000_000)] == ["0", "z", "10", "-11", "s44we8"]
