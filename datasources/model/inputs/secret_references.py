"""Secrets that lie elsewhere: how a source refers to one, and who may use which reference where.

In place of a secret a source may have a reference, which a worker resolves at the moment of a test:

    env:NAME                           a variable of the worker's environment
    file:/PATH                         a file on the worker's machine
    prefect-block:TYPE/NAME[/FIELD]    a block of Prefect
    vault:KIND/PATH                    whatever the installed vault of this kind makes of the path

`literal:` before such a text makes it an ordinary secret.
"""

import re
from fnmatch import fnmatchcase
from typing import Final

from msgspec import Struct

FIELD = "secret_references"
"""What a source has them under, by the place of the secret: `{"options.password": "env:SHOP_PASSWORD"}`."""
LITERAL: Final = "literal:"
_REFERENCE = re.compile(
    r"env:[A-Za-z_][A-Za-z0-9_]*"
    r"|file:(?:/(?!\.{1,2}(?:/|$))[^/\x00-\x1f\x7f]+)+"
    r"|prefect-block:[a-z0-9-]+(?:/[A-Za-z0-9_.-]+){1,4}"
    r"|vault:[a-z0-9-]+/[^\x00-\x1f\x7f]+"
)
_RULE = re.compile(
    r"(?:(?P<organization>\d+)/)?(?P<pattern>(?:env|file|prefect-block|vault):[^\s@]+)@(?P<host>[^\s@]+)"
)
OURS = ("SOURCECHECK_", "PREFECT_")
"""Variables with these beginnings open the service itself: no rule allows them."""


def is_reference(text: str) -> bool:
    """Whether a text in the place of a secret refers to one."""
    return len(text) <= 1024 and _REFERENCE.fullmatch(text) is not None


def unescaped(text: str) -> str:
    """The secret that a text means which is no reference."""
    rest = text.removeprefix(LITERAL)
    return rest if rest != text and (is_reference(rest) or rest.startswith(LITERAL)) else text


def escaped(secret: str) -> str:
    """The text that means this secret: `unescaped` gives it back."""
    return LITERAL + secret if is_reference(secret) or unescaped(secret) != secret else secret


class Rule(Struct, frozen=True):
    """Which references may be used, by which organization, and to which host what they mean may be sent."""

    pattern: str
    """`*` stands for anything but a slash."""
    host: str
    """`*` stands for anything; alone, also for sources of which no host is known."""
    organization_id: int | None = None
    """None means every one."""

    def allows(self, reference: str, organization_id: int, host: str | None) -> bool:
        """Whether the secret may be sent there."""
        if self.organization_id not in (None, organization_id) or reference.startswith(tuple(f"env:{p}" for p in OURS)):
            return False
        reachable = self.host == "*" if host is None else fnmatchcase(host.lower(), self.host.lower())
        return reachable and self.covers(reference)

    def covers(self, reference: str) -> bool:
        """Whether the rule is about this reference."""
        parts = "[^/]*".join(re.escape(part) for part in self.pattern.split("*"))
        return re.fullmatch(parts, reference) is not None


def rules(text: str) -> tuple[Rule, ...]:
    """The rules of a setting, separated by blanks. Raises `ValueError` naming the one at fault."""
    found = []
    for part in text.split():
        match = _RULE.fullmatch(part)
        if match is None:
            raise ValueError(
                f"{part!r} is not a rule such as env:SHOP_*@db.example.org or 2/file:/run/secrets/*@*.example.org"
            )
        organization = match["organization"]
        found.append(Rule(match["pattern"], match["host"], int(organization) if organization else None))
    return tuple(found)


def is_variable_allowed(known: tuple[Rule, ...], name: str) -> bool:
    """Whether any rule is about this variable: then the processes of runs are told it."""
    return not name.startswith(OURS) and any(rule.covers(f"env:{name}") for rule in known)
