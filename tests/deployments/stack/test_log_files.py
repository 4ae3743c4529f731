"""Logs are put aside while their programs write, and the oldest are removed."""

import os
from pathlib import Path

from deployments.stack.log_files import rotate

MOST = 1000


def test_a_small_log_is_left_alone(tmp_path: Path) -> None:
    """Exactly as many bytes as allowed are not too many."""
    log = tmp_path / "api.log"
    log.write_bytes(b"x" * MOST)
    assert not rotate(log, MOST, 3)
    assert [file.name for file in tmp_path.iterdir()] == ["api.log"]


def test_no_more_than_so_many_are_kept(tmp_path: Path) -> None:
    """The newest of those put aside is .1; with each turn the oldest is gone."""
    log = tmp_path / "api.log"
    for turn in range(5):
        log.write_text(f"{turn}" + "x" * MOST)
        assert rotate(log, MOST, 3)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["api.log", "api.log.1", "api.log.2", "api.log.3"]
    assert [(tmp_path / f"api.log.{number}").read_text()[0] for number in (1, 2, 3)] == ["4", "3", "2"]
    assert log.read_text() == ""


def test_a_program_goes_on_writing_into_the_same_file(tmp_path: Path) -> None:
    """As children do: opened to append, and never opened again. Only the owner may read what is put aside."""
    log = tmp_path / "worker.log"
    writer = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(writer, b"before" * MOST)
    assert rotate(log, MOST, 1)
    os.write(writer, b"after")
    os.close(writer)
    assert log.read_bytes() == b"after"
    assert (tmp_path / "worker.log.1").read_bytes() == b"before" * MOST
    assert (tmp_path / "worker.log.1").stat().st_mode & 0o077 == 0
