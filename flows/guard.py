"""The last line of defence: no log and no error of a test leaves with the source's secrets."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from sqlalchemy.exc import InterfaceError, OperationalError

from datasources.model.errors import CheckError, ServerLost, SourcecheckError
from datasources.secrecy.log_records import scrubbed_logs
from datasources.secrecy.scrubber import Scrubber

AWAY = (OperationalError, InterfaceError, httpx.HTTPError, OSError)
"""What the catalogue's driver and Prefect's client raise while their server is away."""


@contextmanager
def named_losses() -> Iterator[None]:
    """Distinguish a lost server of ours from a defect: raise `ServerLost` for it, and everything else unchanged."""
    try:
        yield
    except AWAY as error:
        raise ServerLost(f"A server of sourcecheck's own did not answer: {type(error).__name__}") from error


@contextmanager
def guard_secrets(scrubber: Scrubber, logger: Any) -> Iterator[None]:
    """Scrub logs and errors, because Prefect stores what a flow raises and logs it with its traceback.

    Raises our own errors as they are, `SourcecheckError` for foreign ones, and none with a cause that has more to tell.
    """
    clean: SourcecheckError
    with scrubbed_logs(scrubber):
        try:
            with named_losses():
                yield
        except CheckError as error:
            details = scrubber.data(error.details)
            details = details if isinstance(details, dict) else {}
            clean = type(error)(error.code, scrubber.text(error.message), details, error.advice)
        except SourcecheckError as error:
            clean = type(error)(scrubber.text(str(error)))
        except Exception as error:
            logger.exception("The test broke")
            clean = SourcecheckError(scrubber.text(f"{type(error).__name__}: {error}"))
        else:
            return
    raise clean from None
