"""No log record that is made during a test holds the source's secrets, whichever library makes it."""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from datasources.secrecy.scrubber import DROPPED, Scrubber


@contextmanager
def scrubbed_logs(scrubber: Scrubber) -> Iterator[None]:
    """Scrub every record that this process makes meanwhile, with its traceback: where it is made, so that no handler
    of any library gets to see more. One test at a time in a process.
    """
    make = logging.getLogRecordFactory()

    def make_scrubbed(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        record.msg, record.args = scrubber.text(_whole_text(record)), ()
        record.exc_info = record.exc_text = record.stack_info = None
        return record

    logging.setLogRecordFactory(make_scrubbed)
    try:
        yield
    finally:
        logging.setLogRecordFactory(make)


def _whole_text(record: logging.LogRecord) -> str:
    try:
        text = record.getMessage()
        if record.exc_info and record.exc_info[0]:
            text += "\n" + "".join(traceback.format_exception(*record.exc_info)).rstrip()
    except Exception:
        return DROPPED
    return text
