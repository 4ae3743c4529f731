"""JUnit's XML, as build servers read it: a test suite for each source, a test case for each step."""

import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from sourcecheck.cli.results import SourceResult
from sourcecheck.models import Step

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, not even as references."""


def write_junit(path: Path, tested: Sequence[SourceResult]) -> None:
    """Write the report. Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(junit(tested))


def junit(tested: Sequence[SourceResult]) -> bytes:
    """The report as UTF-8."""
    root = ET.Element("testsuites", name="sourcecheck")
    for one in tested:
        root.append(_suite(one))
    ET.indent(root)
    found: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return found


def _suite(one: SourceResult) -> ET.Element:
    cases = [_case(one, step) for step in one.job.steps]
    if not one.failures and not one.job.passed:  # it asks, or was cancelled: no step says so
        case = ET.Element("testcase", classname=_text(one.source.name), name="verdict", time="0")
        ET.SubElement(case, "failure", message=_text(one.sentence), type=one.word)
        cases.append(case)
    suite = ET.Element(
        "testsuite",
        name=_text(one.source.name),
        tests=str(len(cases)),
        failures=str(sum(case.find("failure") is not None for case in cases)),
        errors="0",
        skipped=str(sum(case.find("skipped") is not None for case in cases)),
        time=f"{one.seconds:.3f}",
    )
    suite.extend(cases)
    return suite


def _case(one: SourceResult, step: Step) -> ET.Element:
    result = step.result
    seconds = (result.duration_ms or 0) / 1000 if result else 0.0
    case = ET.Element("testcase", classname=_text(one.source.name), name=step.step, time=f"{seconds:.3f}")
    if result is None or result.outcome == "skipped":
        ET.SubElement(case, "skipped", message=_text(result.message if result else step.status.value))
    elif step.failed:
        failure = ET.SubElement(case, "failure", message=_text(result.message), type=result.error_code or "ERROR")
        failure.text = _text(result.remediation or "")
    return case


def _text(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
