"""The files for Prometheus and Grafana say what the service has, and a real Prometheus takes them."""

import asyncio
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from cryptography.fernet import Fernet
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.pool import NullPool

from datasources.catalogue.engine import catalogue_url
from datasources.catalogue.tables import Organization
from datasources.model.settings import Settings
from tests.datasources.health.kit import check, make_source
from tests.fixtures.catalogue import make_catalogue
from tests.fixtures.processes import kept
from tests.fixtures.servers.database import Server, free_port
from tests.fixtures.servers.prometheus import MONITORING, Prometheus, scraping
from tests.fixtures.wheel import plain_environ

ROOT = MONITORING.parents[1]
KEY = "key-of-the-monitoring-tests"
HOSTILE = 'Shop "} 1\nup{x="\\'
NAME = re.compile(r"\bsourcecheck_\w+")
RULES = [rule for group in yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
PANELS = json.loads((MONITORING / "grafana-dashboard.json").read_text())["panels"]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]]


def test_promtool_takes_rules_and_configuration(prometheus_program: Path, tmp_path: Path) -> None:
    """As they are shipped; the configuration wants the file with the key beside it."""
    for file in MONITORING.glob("*.yml"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "metrics_key").write_text(KEY)
    for words in (["rules", "alerts.yml"], ["config", "prometheus.yml"]):
        done = subprocess.run(
            ["promtool", "check", *words], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr


SOURCE = 'source="Shop", source_id="1", organization="Ours", type="pg"'
OF = f'{{job="sourcecheck", instance="a", {SOURCE}}}'
FIRING: dict[str, tuple[dict[str, str], str]] = {
    "SourceDown": ({f"sourcecheck_source_up{OF}": "1 0x30"}, "2m"),
    "SourceNotChecked": (
        {f"sourcecheck_source_stale{OF}": "1x30", f"sourcecheck_source_check_interval_seconds{OF}": "300x30"},
        "15m",
    ),
    "SourceWaitsForAnAnswer": ({f"sourcecheck_source_questions{OF}": "1x90"}, "80m"),
    "SourcesWithoutMetrics": ({'sourcecheck_sources_left_out{job="sourcecheck", instance="a"}': "7x90"}, "80m"),
    "ApiDown": ({'up{job="sourcecheck", instance="a"}': "0x30"}, "5m"),
    "CatalogueDown": ({'sourcecheck_catalogue_up{job="sourcecheck", instance="a"}': "0x30"}, "5m"),
    "JobsWait": ({'sourcecheck_oldest_waiting_job_seconds{job="sourcecheck", instance="a"}': "400+60x30"}, "10m"),
    "RunsFailOnOurSide": (
        {
            'sourcecheck_jobs_ended_total{job="sourcecheck", instance="a", status="failed", error_code="WORKER_LOST"}': "0+1x30"
        },
        "20m",
    ),
    "ApiErrors": (
        {'sourcecheck_http_requests_total{job="sourcecheck", instance="a", path="/x", status_code="500"}': "0+1x30"},
        "20m",
    ),
}
QUIET = {
    f"sourcecheck_source_up{OF}": "1x90",
    f"sourcecheck_source_stale{OF}": "0x90",
    f"sourcecheck_source_check_interval_seconds{OF}": "300x90",
    f"sourcecheck_source_questions{OF}": "0x90",
    'sourcecheck_sources_left_out{job="sourcecheck", instance="a"}': "0x90",
    'up{job="sourcecheck", instance="a"}': "1x90",
    'sourcecheck_catalogue_up{job="sourcecheck", instance="a"}': "1x90",
    'sourcecheck_oldest_waiting_job_seconds{job="sourcecheck", instance="a"}': "3x90",
    'sourcecheck_jobs_ended_total{job="sourcecheck", instance="a", status="failed", error_code="CONNECTION_ERROR"}': "0+9x90",
    'sourcecheck_http_requests_total{job="sourcecheck", instance="a", path="/x", status_code="422"}': "0+9x90",
    'sourcecheck_source_stale{job="sourcecheck", instance="a", source="Without a schedule"}': "1x90",
}


def test_each_alert_fires_when_it_should(prometheus_program: Path, tmp_path: Path) -> None:
    """And none while all is well: refused requests and sources that do not pass are no trouble of the service's."""
    assert set(FIRING) == {rule["alert"] for rule in RULES}

    def case(series: dict[str, str], at: str, firing: str | None) -> dict[str, Any]:
        return {
            "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in series.items()],
            "promql_expr_test": [
                {
                    "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                    "eval_time": at,
                    "exp_samples": [{"labels": f'{{alertname="{firing}"}}', "value": 1}] if firing else [],
                }
            ],
        }

    cases = [case(series, at, name) for name, (series, at) in FIRING.items()] + [case(QUIET, "85m", None)]
    (tmp_path / "alerts.yml").write_bytes((MONITORING / "alerts.yml").read_bytes())
    (tmp_path / "cases.yml").write_text(
        yaml.safe_dump({"rule_files": ["alerts.yml"], "evaluation_interval": "1m", "tests": cases})
    )
    done = subprocess.run(
        ["promtool", "test", "rules", "cases.yml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_lead_to_pages_that_are_there() -> None:
    """Each says in a sentence what is the matter, how urgent it is, and which page says what to do."""
    for rule in RULES:
        assert (ROOT / rule["annotations"]["runbook"]).is_file(), rule["alert"]
        assert len(rule["annotations"]["summary"].split()) > 3
        assert rule["labels"]["severity"] in ("page", "ticket")


@pytest.fixture(scope="module")
def api(embedded: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API as a program, with a source that is up and one that is down; Prefect's server does not answer."""
    settings = make_catalogue(embedded, "catalogue_of_monitoring")
    asyncio.run(_fill(settings))
    port = free_port()
    environ = plain_environ(
        {
            "SOURCECHECK_HOME": str(tmp_path_factory.mktemp("home")),
            "SOURCECHECK_DATABASE_URL": settings.database_url or "",
            "SOURCECHECK_PREFECT_API_URL": f"http://127.0.0.1:{free_port()}/api",
            "SOURCECHECK_SECRET_KEYS": Fernet.generate_key().decode(),
            "SOURCECHECK_API_PORT": str(port),
            "SOURCECHECK_SOURCE_METRICS": "10",
            "SOURCECHECK_METRICS_KEY": KEY,
        }
    )
    log = tmp_path_factory.mktemp("log") / "api.log"
    command = [sys.executable, "-m", "deployments.cli", "serve"]
    with log.open("wb") as output, kept(command, signal.SIGTERM, env=environ, stdout=output, stderr=output) as process:
        address, until = f"http://127.0.0.1:{port}", time.monotonic() + 60
        while not _lives(address):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)
        yield address


def _lives(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health/live", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


async def _fill(settings: Settings) -> None:
    engine = create_async_engine(catalogue_url(settings), poolclass=NullPool)
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    async with sessions.begin() as session:
        organization = Organization(name="Ours")
        session.add(organization)
        await session.flush()
    for name, passed in ((HOSTILE, True), ("Down", False)):
        source = await make_source(sessions, organization.id, every=3600, name=name, down_after=1)
        await check(sessions, source, passed, datetime.now(UTC))
    await engine.dispose()


@pytest.fixture(scope="module")
def prometheus(api: str, prometheus_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus with our files, reading that API."""
    with scraping(tmp_path_factory.mktemp("prometheus"), prometheus_program, api, KEY) as found:
        yield found


def test_metrics_that_name_sources_need_the_key(api: str) -> None:
    """Without it, and with another one, there are none at all."""
    answers = [
        httpx.get(f"{api}/metrics", headers={"Authorization": given}) for given in ("", "Bearer x", f"Key {KEY}")
    ]
    assert [answer.status_code for answer in answers] == [401] * 3
    assert not any("sourcecheck_" in answer.text for answer in answers)
    assert httpx.get(f"{api}/metrics", headers={"Authorization": f"Bearer {KEY}"}).status_code == 200


def test_prometheus_sees_each_source(prometheus: Prometheus) -> None:
    """By name, however hostile it is: two series, and no other."""
    found = prometheus.eventually(lambda: prometheus.series("sourcecheck_source_up"))
    assert {(labels["source"], labels["type"], value) for labels, value in found} == {
        (" ".join(HOSTILE.split()), "pg", 1.0),
        ("Down", "pg", 0.0),
    }
    assert len(prometheus.series("{x!=''}")) == 0


def test_the_alert_of_a_source_that_is_down_fires(prometheus: Prometheus) -> None:
    """It names the source, and leads to the page that says what to do; no other alert fires."""

    def firing() -> list[dict[str, Any]]:
        alerts = prometheus.ask("alerts")["alerts"]
        return [alert for alert in alerts if alert["state"] == "firing"]

    (alert,) = prometheus.eventually(firing)
    assert (alert["labels"]["alertname"], alert["labels"]["source"]) == ("SourceDown", "Down")
    assert alert["annotations"]["summary"] == "Down (pg, Ours) is down"


def test_panels_and_rules_ask_for_metrics_that_there_are(prometheus: Prometheus, api: str) -> None:
    """Every name is one that the service has, and every expression one that Prometheus understands."""
    text = httpx.get(f"{api}/metrics", headers={"Authorization": f"Bearer {KEY}"}).text
    there = set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE))
    there |= {name + suffix for name in there for suffix in ("_bucket", "_count", "_sum", "_total")}
    asked = [rule["expr"] for rule in RULES] + EXPRESSIONS
    assert {name for expression in asked for name in NAME.findall(expression)} <= there
    for expression in asked:
        prometheus.series(expression.replace("$source", ".*").replace("$organization", ".*"))
