"""The last line of defence: no log and no error of a test leaves with the source's secrets."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from datasources.model.errors import CheckError, SourcecheckError
from datasources.secrecy.log_records import scrubbed_logs
from datasources.secrecy.scrubber import Scrubber


@contextmanager
def guard_secrets(scrubber: Scrubber, logger: Any) -> Iterator[None]:
    """Scrub logs and errors: Prefect writes down what a flow raises, and logs it with its traceback.

    Raises our own errors as they are, `SourcecheckError` for foreign ones, and none with a cause that has more to tell.
    """
    clean: SourcecheckError
    with scrubbed_logs(scrubber):
        try:
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
