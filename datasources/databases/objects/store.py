"""What a session needs of a store's driver: a few blocking calls, each raising what the driver raises."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from msgspec import Struct

from datasources.databases.refusal import Refusal

US = "sourcecheck"
"""What a store is told of who asks; a driver would name the operating system's version (security row 34)."""


class Item(Struct, frozen=True):
    """One object, in its bucket or container."""

    bucket: str
    name: str
    size: int


class Said(Struct, frozen=True):
    """The service's own "no": what it means, its sentence, and its code for it."""

    refusal: Refusal
    message: str
    code: str | int | None
    details: dict[str, Any] = {}


class Route(Struct, frozen=True):
    """How a driver gets out: by our proxy, with this authority, and with limits that are never the deadline."""

    proxy: str
    authority: str | bool
    """The file of an authority; True for the driver's own list."""
    seconds: float


class Store(ABC):
    """One bucket or account that a driver talks to."""

    product: ClassVar[str]
    bucket: str
    user: str | None

    @abstractmethod
    def log_in(self) -> None:
        """Ask for something small that the service tells only to those with rights."""

    @abstractmethod
    def items(self, prefix: str, most: int) -> list[Item]:
        """The first objects below a prefix, `most` of them at most, in the order of their names."""

    @abstractmethod
    def put(self, name: str, data: bytes) -> None:
        """Write an object."""

    @abstractmethod
    def get(self, name: str) -> bytes:
        """An object's content."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Remove an object."""

    @abstractmethod
    def said(self, error: Exception) -> Said | None:
        """What the service means by an error of the driver; None for one that the service has not said."""

    @property
    def version(self) -> str:
        """Services have no version that they tell."""
        return self.product

    @abstractmethod
    def close(self) -> None:
        """Let go of connections; they are ended already."""
