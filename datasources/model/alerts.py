"""Alerts: who is told when a source goes down or comes back, and where. Rules without any IO."""

import re
from typing import Literal, get_args
from urllib.parse import SplitResult, parse_qs, parse_qsl, quote, unquote, urlencode, urlsplit

from msgspec import Struct

from datasources.model.errors import SourcecheckError
from datasources.model.inputs.hosts import host_name
from datasources.model.inputs.texts import hidden_character

AlertKind = Literal["webhook", "slack", "mail"]
KINDS: tuple[AlertKind, ...] = get_args(AlertKind)
SCHEMES: dict[AlertKind, tuple[str, ...]] = {
    "webhook": ("http", "https"),
    "slack": ("https",),
    "mail": ("mailto", "mailtos"),
}
CALLED: dict[AlertKind, str] = {"webhook": "a webhook alert", "slack": "a Slack alert", "mail": "a mail alert"}
"""What messages call an alert of each kind."""
SLACK_HOSTS = ("hooks.slack.com", "hooks.slack-gov.com")
SLACK_PATH = re.compile(r"(?:/[A-Za-z0-9_-]+)+/?")
"""Apprise, which sends the message, reads more than that from an address: the parameter `template` names a file of
Prefect's server, or an address to fetch, and behind a comma another receiver begins."""
MAIL_PARAMETERS = frozenset({"to", "from", "cc", "bcc", "name", "reply", "smtp", "mode", "format"})
"""What an organization may say of a mail. Apprise knows more: names of key files, and addresses to fetch them from."""
PORTS = {"http": 80, "https": 443, "mailto": 587, "mailtos": 587}
MOST_CHARACTERS = 4096


class AlertRefused(SourcecheckError):
    """What is said of an alert cannot be: its address, or its name."""


class Alert(Struct, frozen=True):
    """What an alert does."""

    name: str
    kind: AlertKind
    url: str
    """The receiver's address. It may hold a password, and is never shown."""
    source_id: int | None
    """The only data source that it is about; None for all."""
    organization_id: int | None = None
    """Whose it is, and whose sources alone it is about; None for an operator's, about those of every organization."""

    def __repr__(self) -> str:
        return f"Alert({self.name!r}, {self.kind!r}, {receiver_of(self.url)!r})"


def check_address(kind: AlertKind, url: str) -> None:
    """Raises `AlertRefused` for an address that cannot be one of this kind."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise AlertRefused(f"The address is not a URL: {error}") from error
    if parts.scheme not in SCHEMES[kind]:
        raise AlertRefused(
            f"The address of {CALLED[kind]} begins with {' or '.join(f'{scheme}://' for scheme in SCHEMES[kind])}"
        )
    if not host or " " in url:
        raise AlertRefused(f"The address of {CALLED[kind]} needs the name of a host: {parts.scheme}://HOST/…")
    if kind == "mail" and not parse_qs(parts.query).get("to"):
        raise AlertRefused("The address of a mail alert names its recipient: mailtos://USER:PASSWORD@HOST?to=ADDRESS")


def narrowed(kind: AlertKind, url: str) -> str:
    """The address as an organization may give it, written anew from its parts, so that no reader sees another host.

    Raises `AlertRefused` for what only an operator may say.
    """
    check_address(kind, url)
    if len(url) > MOST_CHARACTERS or hidden_character(url):
        raise AlertRefused(f"The address may have at most {MOST_CHARACTERS} characters, all of them visible")
    parts = urlsplit(url)
    try:
        host = host_name(parts.hostname or "")
    except ValueError as error:
        raise AlertRefused(f"The address of {CALLED[kind]} does not name a valid host") from error
    if kind == "slack" and (host not in SLACK_HOSTS or parts.port or parts.username):
        raise AlertRefused("The address of a Slack alert begins with https://hooks.slack.com/")
    if kind == "slack" and (parts.query or not SLACK_PATH.fullmatch(parts.path)):
        raise AlertRefused("The address of a Slack alert has letters and digits in its path, and nothing after it")
    login = ":".join(quote(unquote(part), safe="") for part in (parts.username, parts.password) if part is not None)
    place = (f"{login}@" if login else "") + (f"[{host}]" if ":" in host else host)
    place += f":{parts.port}" if parts.port else ""
    rest = _mail_parameters(parts) if kind == "mail" else parts.path + (f"?{parts.query}" if parts.query else "")
    return f"{parts.scheme}://{place}{rest}"


def _mail_parameters(parts: SplitResult) -> str:
    if parts.path.strip("/"):
        raise AlertRefused("The address of a mail alert has its recipients in ?to=ADDRESS, and nothing before it")
    given = [(name.lower(), value) for name, value in parse_qsl(parts.query)]
    for name, _ in given:
        if name not in MAIL_PARAMETERS:
            known = ", ".join(sorted(MAIL_PARAMETERS))
            raise AlertRefused(f"The address of a mail alert cannot have {name!r}; it can have {known}")
    return f"?{urlencode(given)}"


def hosts_of(url: str) -> list[tuple[str, int]]:
    """Every host and port that sending to this address connects to: of a mail, its server has a parameter, too."""
    parts = urlsplit(url)
    port = parts.port or PORTS[parts.scheme]
    servers = parse_qs(parts.query).get("smtp", []) if parts.scheme in SCHEMES["mail"] else []
    return [(host, port) for host in (parts.hostname or "", *servers)]


def receiver_of(url: str) -> str:
    """What of an address may be shown: the host, or of a mail who receives it."""
    parts = urlsplit(url)
    if parts.scheme in SCHEMES["mail"]:
        return ", ".join(parse_qs(parts.query).get("to", []))
    return parts.hostname or ""


def default_name(kind: AlertKind, url: str, source_id: int | None) -> str:
    """A name that tells alerts apart: the kind, the receiver's host, and the data source if it is about one."""
    about = f" for data source {source_id}" if source_id is not None else ""
    return f"sourcecheck {kind} to {urlsplit(url).hostname}{about}"
