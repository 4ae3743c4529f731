"""Every line of a part's log is one JSON object of one form."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deployments.stack.log_lines import LogPump, as_json, for_people

NOW = datetime(2026, 11, 26, 1, 2, 3, 456000, tzinfo=UTC)
AT = "2026-11-25 23:17:06.017 UTC [14372] "
OWN = b'{"time": "2026-11-25T23:17:31.772+00:00", "level": "INFO", "logger": "sourcecheck.jobs", "message": "ended"}\n'


def test_a_line_that_has_the_form_stays() -> None:
    """What our own programs write is passed on byte by byte."""
    assert as_json("api", OWN, NOW) == OWN


@pytest.mark.parametrize(
    ("part", "line", "expected"),
    [
        ("worker", "Worker 'local' started!", ("INFO", "worker", "Worker 'local' started!")),
        ("worker", "│ Deploying check      │", ("INFO", "worker", "Deploying check")),
        ("api", '  File "x.py", line 1', ("INFO", "api", '  File "x.py", line 1')),
        ("worker", "{half a line", ("INFO", "worker", "{half a line")),
        ("worker", "[1, 2]", ("INFO", "worker", "[1, 2]")),
        ("postgres", f"{AT} LOG:  listening", ("INFO", "postgres", "listening")),
        ("postgres", f"{AT}catalogue ERROR:  no such table", ("WARNING", "postgres.catalogue", "no such table")),
        ("postgres", f"{AT}demo FATAL:  no password", ("WARNING", "postgres.demo", "no password")),
        ("postgres", f"{AT} PANIC:  no space left", ("CRITICAL", "postgres", "no space left")),
        ("postgres", f"{AT} DEBUG1:  x", ("DEBUG", "postgres", "x")),
        ("postgres", "\tmore of the line before", ("INFO", "postgres", "more of the line before")),
        ("prefect", "caf\udce9", ("INFO", "prefect", "caf\ufffd")),
    ],
)
def test_every_other_line_becomes_an_object(part: str, line: str, expected: tuple[str, str, str]) -> None:
    """Text, frames around text, bytes that are no text, and PostgreSQL's own form; its ERROR is a client's."""
    written = as_json(part, line.encode(errors="surrogateescape") + b"\n", NOW)
    assert written.endswith(b"\n")
    found = json.loads(written)
    assert list(found) == ["time", "level", "logger", "message"]
    assert (found["level"], found["logger"], found["message"]) == expected
    assert found["time"] == ("2026-11-25T23:17:06.017+00:00" if AT in line else "2026-11-26T01:02:03.456+00:00")


@pytest.mark.parametrize("line", ["", "   ", "╭──────╮", "╰──────╯"])
def test_a_line_that_says_nothing_is_left_out(line: str) -> None:
    """Blank lines, and the frames that Prefect's commands draw."""
    assert as_json("worker", f"{line}\n".encode(), NOW) == b""


def test_a_terminal_shows_the_message() -> None:
    """The end of a log, in a message for people, is no JSON."""
    assert for_people(OWN.decode()) == "ended"
    assert for_people('{"message": "broken", "exception": "Traceback"}') == "broken\nTraceback"
    assert [for_people(line) for line in ("plain", "{}", "[]")] == ["plain", "{}", "[]"]


def test_a_pump_writes_until_the_last_writer_is_gone(tmp_path: Path) -> None:
    """Lines arrive in their order, the last one without its end as well; only the owner may read them."""
    ours, theirs = os.pipe()
    log = tmp_path / "worker.log"
    pump = LogPump("worker", log, os.fdopen(ours, "rb"), json_lines=True)
    os.write(theirs, OWN + b"one\ntwo")
    os.close(theirs)
    pump.join(10)
    assert [json.loads(line)["message"] for line in log.read_text().splitlines()] == ["ended", "one", "two"]
    assert log.stat().st_mode & 0o077 == 0


def test_text_for_people_is_left_alone(tmp_path: Path) -> None:
    """With `SOURCECHECK_LOG_FORMAT=text` nothing is changed."""
    ours, theirs = os.pipe()
    pump = LogPump("worker", tmp_path / "worker.log", os.fdopen(ours, "rb"), json_lines=False)
    os.write(theirs, b"one\n\n  two\n")
    os.close(theirs)
    pump.join(10)
    assert (tmp_path / "worker.log").read_bytes() == b"one\n\n  two\n"
