"""A plan as people read it: what is added, changed and removed, field by field. No secret is in a plan."""

from collections.abc import Sequence
from typing import Any

import msgspec
from rich.text import Text

from sourcecheck.cli.text import safe
from sourcecheck.models import Applied, FieldChange, SourceChange

SIGNS = {"create": ("+", "green"), "update": ("~", "yellow"), "remove": ("-", "red")}
WORDS = {"create": "add", "update": "change", "remove": "remove", "unchanged": "unchanged"}
DONE = {"create": "added", "update": "changed", "remove": "removed", "unchanged": "unchanged"}
LONGEST = 60
"""Characters of a value that are shown."""


def lines(changes: Sequence[SourceChange]) -> list[Text]:
    """A line for each source that changes, and one for each of its fields below it."""
    found: list[Text] = []
    for change in changes:
        if change.action in SIGNS:
            sign, style = SIGNS[change.action]
            found.append(Text(f"{sign} {safe(change.name)} ({change.type})", style=style))
            width = max((len(field.field) for field in change.fields), default=0)
            found += [_field(field, width, new=change.action == "create") for field in change.fields]
    return found


def _field(field: FieldChange, width: int, *, new: bool) -> Text:
    name = f"    {safe(field.field):<{width}}  "
    if field.secret:
        return Text(f"{name}{'(secret)' if new else '(secret, changes)'}", style="dim")
    after = "(gone)" if field.after is None else shown(field.after)
    return Text(name + (after if new else f"{'(none)' if field.before is None else shown(field.before)} → {after}"))


def shown(value: Any) -> str:
    """A value on one line, as JSON, and short."""
    text = safe(msgspec.json.encode(value).decode())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def summary(found: Applied) -> str:
    """How many of each: `Plan: 1 to add, 2 unchanged`, or, when it was carried out, `1 added, 2 unchanged`."""
    counts = {action: sum(change.action == action for change in found.changes) for action in WORDS}
    if found.applied:
        return ", ".join(f"{count} {DONE[action]}" for action, count in counts.items() if count) or "nothing to do"
    parts = [
        f"{count} {'' if action == 'unchanged' else 'to '}{WORDS[action]}" for action, count in counts.items() if count
    ]
    return f"Plan: {', '.join(parts) or 'nothing to do'}"
