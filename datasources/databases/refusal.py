"""The meaning of a refusal, whichever server it came from."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from msgspec import Struct

from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode


class Refusal(Struct, frozen=True):
    """What a server's "no" means to the user."""

    code: ErrorCode
    advice: str | None = None
    """What the user does next; None means the code's own sentence."""
    transient: bool = False
    """Whether it may pass by itself, so that it is tried again and counts against no source."""

    def error(self, message: str, details: dict[str, Any], kind: type[CheckError] = CheckError) -> CheckError:
        """The error that carries it, with the server's own sentence as `message`."""
        marked = {"transient": True} if self.transient else {}
        return kind(self.code, message, details | marked, self.advice)


@contextmanager
def retold(meaning_of: Callable[[CheckError], Refusal | None]) -> Iterator[None]:
    """Raise a server's "no" with the meaning that it has for a relative of the product whose words it uses.

    Around a whole session: what its questions raise passes here as well.
    """
    try:
        yield
    except CheckError as error:
        meaning = meaning_of(error)
        if meaning is None:
            raise
        raise meaning.error(error.message, error.details, type(error)) from error
