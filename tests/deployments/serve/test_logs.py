"""What our programs log: each thing once, and as an error only what is one."""

import json
import logging
import subprocess
import sys

import pytest

from deployments.serve._prefect import says_what_the_state_says

ENGINE = "/site-packages/prefect/task_engine.py"
OURS = "/tasks/judge.py"


@pytest.mark.parametrize(
    ("path", "level", "message", "left_out"),
    [
        (ENGINE, logging.INFO, "Beginning flow run 'x'", True),
        (ENGINE, logging.ERROR, "Finished in state Unhealthy('connection: refused', type=FAILED)", True),
        (ENGINE, logging.ERROR, "Task run failed with state: CheckFailed(...)", True),
        (ENGINE, logging.ERROR, "Crash detected! Execution was cancelled by the runtime environment.", True),
        (ENGINE, logging.ERROR, "Crash detected! Execution was interrupted by an unexpected exception: X", False),
        (ENGINE, logging.ERROR, "Encountered exception during execution: ValueError()", False),
        (OURS, logging.INFO, "Finished in state of grace", False),
        (OURS, logging.ERROR, "The test broke", False),
    ],
)
def test_reports_of_states_are_left_out(path: str, level: int, message: str, left_out: bool) -> None:
    """A verdict is a state of the run, and our own line says it; what broke is written."""
    record = logging.LogRecord("prefect.task_runs", level, path, 1, message, (), None)
    assert says_what_the_state_says(record) is left_out


def test_whatever_a_program_does_is_a_line() -> None:
    """What it prints, what a library warns of, and the exception that ends it: all on standard error, in one form."""
    program = """
from datasources.model.settings import Settings
from deployments.serve.logs import arrange_logs, print_into_log, start_logging
settings = Settings.load()
arrange_logs(settings)
start_logging(settings)
print_into_log(settings)
import logging, threading
print("half a", end=" ")
print("line\\n\\n")
logging.getLogger("some.library").warning("careful")
worker = threading.Thread(target=lambda: 1 / 0)
worker.start()
worker.join()
raise ValueError("the end")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert done.stdout == ""
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(line["level"], line["message"]) for line in lines] == [
        ("INFO", "half a line"),
        ("WARNING", "careful"),
        ("CRITICAL", "ended by an error"),
        ("CRITICAL", "ended by an error"),
    ]
    assert [line["exception"].splitlines()[-1] for line in lines[2:]] == [
        "ZeroDivisionError: division by zero",
        "ValueError: the end",
    ]
