"""A badge is well-formed whatever a source is called, and green only for what is up now."""

from xml.etree import ElementTree

import pytest

from api.routes.badge import GREEN, GREY, RED, describe
from datasources.model.inputs.texts import visible

NAMES = ["Shop", '<script>alert("x")</script>', "a & b 'c'", "ctrl\x01\x1b\n\t", "ünï 日本", "long " * 40]


@pytest.mark.parametrize("name", NAMES)
def test_names_stay_text(name: str) -> None:
    """No element and no attribute comes from a name."""
    picture = ElementTree.fromstring(describe(name, "active", stale=False, uptime=99.5).svg())
    tags = [element.tag.rpartition("}")[2] for element in picture.iter()]
    assert tags == ["svg", "title", "rect", "path", "g", "text", "text"]
    assert set(picture.attrib) == {"width", "height", "role", "aria-label"}
    (text, state) = picture.iter("{http://www.w3.org/2000/svg}text")
    assert (text.text or "")[:10] == visible(name)[:10]
    assert state.text == "active 99.50 %"


@pytest.mark.parametrize(
    ("status", "stale", "uptime", "colour", "text"),
    [
        ("active", False, 100.0, GREEN, "active 100.00 %"),
        ("active", True, 100.0, GREY, "active, stale 100.00 %"),
        ("failed", False, 0.0, RED, "failed 0.00 %"),
        ("failed", True, 50.0, GREY, "failed, stale 50.00 %"),
        ("inactive", True, None, GREY, "inactive"),
    ],
)
def test_colours(status: str, stale: bool, uptime: float | None, colour: str, text: str) -> None:
    """Stale is never green."""
    shown = describe("Shop", status, stale=stale, uptime=uptime)
    assert (shown.colour, shown.text) == (colour, text)
