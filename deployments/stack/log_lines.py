"""One form for every line of every part's log: what a program writes that is no JSON object yet becomes one."""

import json
import re
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import msgspec

from deployments.stack.home import open_log

LEVELS = {
    "DEBUG": "DEBUG",
    "WARNING": "WARNING",
    "ERROR": "WARNING",
    "FATAL": "WARNING",
    "PANIC": "CRITICAL",
}
"""PostgreSQL's words as levels; every other word is INFO. Its ERROR and FATAL are about a client's statement or login,
and who sent it says itself whether that is an error: a test that fails on purpose is none."""
OF_POSTGRES = re.compile(
    r"(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) \w+ \[\d+\] (?P<about>.*?)(?P<word>[A-Z]+\d?):  "
)
"""A line's beginning by `log_line_prefix` in `postgres.py`."""
FRAMES = re.compile(r"[\s─-╿]+")
"""A line that only draws the frame around others."""


def as_json(part: str, line: bytes, now: datetime) -> bytes:
    """A line of this part's as one JSON object; empty for a line that says nothing.

    A line that is such an object already stays as it is. All others get the time at which they were read, and the
    level INFO, unless PostgreSQL says both.
    """
    if line.startswith(b"{") and _is_object(line):
        return line
    text = line.decode(errors="replace").rstrip()
    if FRAMES.fullmatch(text) or not text:
        return b""
    at, level, logger = now, "INFO", part
    if found := OF_POSTGRES.match(text):
        at = datetime.strptime(found["at"], "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC)
        level = LEVELS.get(found["word"].rstrip("12345"), "INFO")
        logger = ".".join([part, *found["about"].split()])
        text = text[found.end() :]
    if text.startswith(("│", "\t")):  # a frame's side, or the next line of PostgreSQL's; a traceback keeps its indent
        text = text.strip(" │\t")
    return _line(at, level, logger, text)


def note(message: str, now: datetime) -> bytes:
    """What the supervisor itself says about a part: that it died, or had to be killed."""
    return _line(now, "ERROR", "sourcecheck.stack", message)


def for_people(line: str) -> str:
    """The message of a line, with its exception, for a terminal; any other line as it is."""
    try:
        said: Any = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return line
    if not isinstance(said, dict) or "message" not in said:
        return line
    return "\n".join(str(said[name]) for name in ("message", "exception") if said.get(name))


class LogPump:
    """Reads what the processes of a part write, and appends it to the part's log, line by line.

    A thread of its own: a program must never wait for us. A line that cannot be written, on a full disk, is lost; the
    program goes on.
    """

    def __init__(self, part: str, file: Path, source: IO[bytes], *, json_lines: bool) -> None:
        self._part = part
        self._file = file
        self._source = source
        self._json = json_lines
        self._thread = threading.Thread(target=self._run, name=f"log of {part}", daemon=True)
        self._thread.start()

    def join(self, seconds: float) -> None:
        """Wait until all that was written is in the log: until the last process that could write more is gone."""
        self._thread.join(seconds)

    def _run(self) -> None:
        with self._source, open_log(self._file) as log:
            for line in self._source:
                said = as_json(self._part, line, datetime.now(UTC)) if self._json else line
                try:
                    log.write(said)
                except OSError:
                    continue


def _line(at: datetime, level: str, logger: str, message: str) -> bytes:
    time = at.isoformat(timespec="milliseconds")
    return json.dumps({"time": time, "level": level, "logger": logger, "message": message}).encode() + b"\n"


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(line), dict)
    except msgspec.DecodeError:
        return False
