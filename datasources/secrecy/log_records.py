"""No log record that is made during a test holds the source's secrets, whichever library makes it."""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from datasources.secrecy.scrubber import DROPPED, Scrubber

_active: list[Scrubber] = []
"""Those of the tests that are under way in this process."""


@contextmanager
def scrubbed_logs(scrubber: Scrubber) -> Iterator[None]:
    """Scrub every record that this process makes meanwhile, with its traceback: where it is made, so that no handler
    of any library gets to see more. A record is scrubbed of the secrets of every test that is under way.
    """
    if not _active:
        _install()
    _active.append(scrubber)
    try:
        yield
    finally:
        _active.remove(scrubber)


def _install() -> None:
    make = logging.getLogRecordFactory()
    if getattr(make, "scrubs", False):
        return

    def make_scrubbed(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        if _active:
            text = _whole_text(record)
            for scrubber in list(_active):
                text = scrubber.text(text)
            record.msg, record.args = text, ()
            record.exc_info = record.exc_text = record.stack_info = None
        return record

    make_scrubbed.scrubs = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(make_scrubbed)


def _whole_text(record: logging.LogRecord) -> str:
    try:
        text = record.getMessage()
        if record.exc_info and record.exc_info[0]:
            text += "\n" + "".join(traceback.format_exception(*record.exc_info)).rstrip()
    except Exception:
        return DROPPED
    return text
