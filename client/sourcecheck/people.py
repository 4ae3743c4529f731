"""Who is told of changes of state, and who is in the organization, as the API answers it."""

from datetime import datetime

from msgspec import Struct


class Alert(Struct, frozen=True):
    """A receiver that is told when a source goes down or comes back; its address is never answered."""

    id: str
    name: str
    kind: str | None
    """`webhook`, `slack` or `mail`; None for one that was changed in Prefect beyond recognition."""
    receiver: str | None
    """Of a mail its recipients, of all others the host."""
    data_source_id: int | None
    """The only source that it is about; None for all of the organization."""
    paused: bool


class Member(Struct, frozen=True):
    """A member of the organization; `id` is the user's."""

    id: int
    name: str
    role: str
    """`admin` or `member`."""
    email: str | None = None
    last_used_at: datetime | None = None
    """When one of their keys was used last."""


class Invitation(Struct, frozen=True):
    """What a member signs in with; the service shows `key` and `sign_in` this one time."""

    user_id: int
    name: str
    role: str
    key_id: int
    key: str
    sign_in: str
    """The path of a page that signs a browser in, once and within the hour."""
    email: str | None = None

    def __repr__(self) -> str:
        return f"Invitation(user_id={self.user_id}, name={self.name!r}, key='***', sign_in='***')"
