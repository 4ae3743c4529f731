"""GitHub Actions: an annotation for each step that failed, and a table in the summary of the job."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from sourcecheck.cli.results import SourceResult
from sourcecheck.cli.text import safe


def annotations(tested: Sequence[SourceResult]) -> list[str]:
    """Workflow commands, one a line: `::error title=Shop, connection::Connection refused`."""
    lines = []
    for one in tested:
        for step in one.failures:
            if step.result:
                advice = f" {step.result.remediation}" if step.result.remediation else ""
                title = f"{one.source.name}, {step.step} ({step.result.error_code})"
                lines.append(_command("error", title, step.result.message + advice))
        if not one.failures and not one.job.passed:
            lines.append(_command("warning" if one.word == "asks" else "error", one.source.name, one.sentence))
    return lines


def _command(kind: str, title: str, message: str) -> str:
    title = safe(title).replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
    return f"::{kind} title={title}::{safe(message).replace('%', '%25')}"


def summary(tested: Sequence[SourceResult]) -> str:
    """A table in Markdown, one row a source."""
    rows = [f"| {_cell(one.source.name)} | {one.source.type} | {one.word} | {_cell(one.sentence)} |" for one in tested]
    return "\n".join(
        ["### Data sources", "", "| source | type | result | why |", "| --- | --- | --- | --- |", *rows, ""]
    )


def append_summary(tested: Sequence[SourceResult], environ: Mapping[str, str] = os.environ) -> bool:
    """Append the table to the file that GitHub names in `GITHUB_STEP_SUMMARY`; whether it names one."""
    path = environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return False
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(summary(tested) + "\n")
    return True


def _cell(text: str) -> str:
    escaped = safe(text)
    for character in "\\|`*_<>[]":
        escaped = escaped.replace(character, f"\\{character}" if character not in "<>" else f"&#{ord(character)};")
    return escaped
