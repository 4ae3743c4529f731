"""Whatever is killed at whatever stage of a job, the job ends, once and for good, and the next one passes."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import httpx
import psutil
import psycopg
import pytest
from prefect.client.schemas.objects import State

from deployments.stack.home import Home
from deployments.stack.postgres import EmbeddedPostgres
from deployments.worker.owner import Owner
from tests.acceptance.kit import IMMEDIATE, RARELY, SOURCES, flow_runs, options, read, register, statuses, unique
from tests.acceptance.parts import PARTS, child_of, part, patiently, ready
from tests.acceptance.servers import locked_schema
from tests.fixtures.servers.database import Server
from tests.fixtures.servers.faults import faulty, silent
from tests.fixtures.service import Service, running_stack

PATIENCE = 150.0
LIMIT = 90
"""Seconds a job has; its parts take up to 20 to be there again on a busy machine."""


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A stack for these tests alone."""
    with running_stack(tmp_path_factory.mktemp("victim")) as found:
        yield found


@pytest.fixture(scope="module")
def client(victim: Service) -> Iterator[httpx.Client]:
    """Its first user."""
    with victim.client() as client:
        yield client


def ended(client: httpx.Client, job: int) -> dict[str, Any]:
    """The answer of a job once it has ended, across restarts."""
    until = time.monotonic() + PATIENCE
    while True:
        answer: dict[str, Any] = patiently(client, "GET", f"{SOURCES}/test/{job}").json()
        if answer["status"] in ("done", "failed", "cancelled"):
            return answer
        assert time.monotonic() < until, answer
        time.sleep(0.2)


def waiting_session(server: Server, schema: str, besides: int = 0) -> tuple[int, int]:
    """Process id over there and port over here of the session that waits in this schema, `besides` the one of a port."""
    until = time.monotonic() + PATIENCE
    with server.connect() as session:
        while time.monotonic() < until:
            found = session.execute(
                "SELECT pid, client_port FROM pg_stat_activity WHERE application_name = 'sourcecheck'"
                " AND state = 'active' AND query LIKE %s AND client_port <> %s",
                [f"%{schema}%", besides],
            ).fetchone()
            if found:
                return int(found[0]), int(found[1])
            time.sleep(0.05)
    raise AssertionError("the step did not begin")


def owner_of(port: int) -> psutil.Process:
    """The process that has this end of a connection."""
    for connection in psutil.net_connections("tcp"):
        if connection.laddr and connection.laddr.port == port and connection.raddr and connection.pid:
            return psutil.Process(connection.pid)
    raise AssertionError(f"nobody has port {port}")


def afterwards(client: httpx.Client, embedded: Server, answer: dict[str, Any]) -> None:
    """An ended job is answered the same for ever, and the next test passes."""
    ready(client)
    assert patiently(client, "GET", f"{SOURCES}/test/{answer['id']}").json() == answer
    source = register(client, unique("Next"), options(embedded))
    job = patiently(client, "POST", f"{SOURCES}/{source}/test").json()["job_id"]
    assert ended(client, job)["status"] == "done"


class Swept(NamedTuple):
    """Sources of one timetable, and the moment at which a sweep of it was asked for."""

    good: list[int]
    silent: int
    port: int
    """Where the silent one takes connections, and says nothing."""


@pytest.fixture(scope="module")
def swept(client: httpx.Client, embedded: Server) -> Iterator[Swept]:
    """Six good sources and a silent one, of a schedule that checks nothing by itself meanwhile."""
    with faulty(embedded.port, silent) as port:
        never = register(client, unique("Silent"), options(embedded, port=port), connection_timeout=5)
        good = [register(client, unique("Good"), options(embedded)) for _ in range(6)]
        for source in (never, *good):
            body = {"interval_seconds": RARELY}
            answer = client.put(f"{IMMEDIATE}/{source}/health/schedule", json=body)
            assert answer.status_code == 200, answer.text
        yield Swept(good, never, port)


def test_a_sweep_whose_process_is_killed(victim: Service, client: httpx.Client, swept: Swept) -> None:
    """While it waits for a silent source; what becomes of it is looked at when everything else has been killed, too."""
    address = EmbeddedPostgres(Home(victim.home)).conninfo("catalogue").url()
    with psycopg.connect(address, autocommit=True) as session:
        session.execute("UPDATE data_sources SET full_test_due_at = now() + interval '1 day' WHERE plan IS NOT NULL")
        query = "SELECT timetable_id FROM data_sources WHERE id = %s"
        ((timetable,),) = session.execute(query, [swept.silent])
    deployment = victim.prefect_api.get("/deployments/name/sweep/health").raise_for_status().json()["id"]
    asked = {"parameters": {"timetable_id": timetable}}
    victim.prefect_api.post(f"/deployments/{deployment}/create_flow_run", json=asked).raise_for_status()
    until = time.monotonic() + PATIENCE
    while not (found := waiting_for(swept.port)):
        assert time.monotonic() < until
        time.sleep(0.05)
    time.sleep(2)  # until what the good ones said has been written down
    found.kill()


def waiting_for(port: int) -> psutil.Process | None:
    """A process of ours that has a connection to this port."""
    for connection in psutil.net_connections("tcp"):
        if connection.raddr and connection.raddr.port == port and connection.pid not in (None, os.getpid()):
            return psutil.Process(connection.pid)
    return None


def test_a_process_that_is_killed(victim: Service, client: httpx.Client, embedded: Server) -> None:
    """The flow's own process, once: the test is run again, keeps what had been found, and passes."""
    with ExitStack() as lock:
        holder = lock.enter_context(locked_schema(embedded, "process_lost"))
        job = started(client, embedded, "process_lost")
        first = waiting_session(embedded, "process_lost")
        found = connection_of(client, job)
        owner_of(first[1]).kill()
        again = waiting_session(embedded, "process_lost", besides=first[1])
        assert patiently(client, "GET", f"{SOURCES}/test/{job}").json()["status"] == "processing"
        assert owner_of(again[1]).is_running()
        holder.execute("ROLLBACK")
        answer = ended(client, job)
    assert (answer["status"], answer["attempts"]) == ("done", 2)
    assert answer["results"][0]["result"] == found
    (run,) = flow_runs(victim, job)
    states = victim.prefect_api.get("/flow_run_states/", params={"flow_run_id": run["id"]}).json()
    assert "RunAgain" in [state["name"] for state in states]
    assert any("Attempt 2" in (state["message"] or "") for state in states)
    afterwards(client, embedded, answer)


def test_a_source_that_kills_its_process_each_time(client: httpx.Client, embedded: Server) -> None:
    """Lost twice at the same stage: WORKER_LOST for that step, and no third attempt; what had been found stays."""
    with locked_schema(embedded, "process_lost_twice"):
        job = started(client, embedded, "process_lost_twice")
        first = waiting_session(embedded, "process_lost_twice")
        connection_of(client, job)  # until then, the connection step would count as what the process was lost at
        owner_of(first[1]).kill()
        owner_of(waiting_session(embedded, "process_lost_twice", besides=first[1])[1]).kill()
        answer = ended(client, job)
    assert (answer["status"], answer["attempts"]) == ("failed", 2)
    results = {step["step"]: step for step in answer["results"]}
    assert results["connection"]["result"]["code"] == "OK"
    lost = results["temp_schema"]
    assert (lost["status"], lost["result"]["error_code"]) == ("failed", "WORKER_LOST")
    assert re.search(r"lost while running .*temp_schema", lost["result"]["message"])
    assert "SIGKILL" in lost["result"]["message"]
    assert "attempt 2" in lost["result"]["message"]
    afterwards(client, embedded, answer)


def connection_of(client: httpx.Client, job: int) -> dict[str, Any]:
    """What the connection step found, once a client can read it."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        step = patiently(client, "GET", f"{SOURCES}/test/{job}").json()["results"][0]
        if step["result"] is not None:
            found: dict[str, Any] = step["result"]
            return found
        time.sleep(0.1)
    raise AssertionError("the connection step did not end")


def test_a_process_that_is_killed_before_it_begins(victim: Service, client: httpx.Client, embedded: Server) -> None:
    """Nothing has been done yet, so another process does all of it."""
    ready(client)
    source = register(client, unique("Early"), options(embedded))
    processes = part(victim, "worker").children(recursive=True)[1:]  # but for the fork server
    for process in processes:
        process.suspend()
    job = patiently(client, "POST", f"{SOURCES}/{source}/test").json()["job_id"]
    until = time.monotonic() + PATIENCE
    while [run["state_type"] for run in flow_runs(victim, job)] != ["PENDING"]:
        assert time.monotonic() < until
        time.sleep(0.1)
    time.sleep(0.5)  # until the order has been sent
    for process in processes:
        process.kill()
    answer = ended(client, job)
    assert answer["status"] == "done"
    afterwards(client, embedded, answer)


def test_a_process_that_hangs(client: httpx.Client, embedded: Server) -> None:
    """Stopped in its tracks, as by a driver that never returns: it is killed at the deadline, TIMEOUT and the step."""
    with locked_schema(embedded, "process_stopped"):
        job = started(client, embedded, "process_stopped", timeout_seconds=15)
        process = owner_of(waiting_session(embedded, "process_stopped")[1])
        process.suspend()
        answer = ended(client, job)
        process.wait(10)
    lost = {step["step"]: step for step in answer["results"]}["temp_schema"]
    assert (lost["status"], lost["result"]["error_code"]) == ("failed", "TIMEOUT")
    assert "temp_schema" in lost["result"]["message"]
    afterwards(client, embedded, answer)


def test_the_process_that_forks_is_killed(victim: Service, client: httpx.Client, embedded: Server) -> None:
    """Every process of the worker's dies with it, twice during the same step; no test is to blame for that."""
    with ExitStack() as lock:
        holder = lock.enter_context(locked_schema(embedded, "forks_lost"))
        job = started(client, embedded, "forks_lost")
        port = 0
        for _ in range(2):
            _, port = waiting_session(embedded, "forks_lost", besides=port)
            process = owner_of(port)
            fork_server(victim).kill()
            process.wait(20)
        waiting_session(embedded, "forks_lost", besides=port)
        holder.execute("ROLLBACK")
        answer = ended(client, job)
    assert (answer["status"], answer["attempts"]) == ("done", 3)
    afterwards(client, embedded, answer)


def fork_server(victim: Service) -> psutil.Process:
    """The process that forks those of the worker."""
    return child_of(part(victim, "worker"), "fork_server")


def test_a_run_that_its_worker_does_not_know(victim: Service, client: httpx.Client, embedded: Server) -> None:
    """Prefect has it as taken, for the answer to the claim was lost: the worker ends it, and it is run again."""
    ready(client)
    pool = "/work_pools/sourcecheck"
    owner = Owner.of(any_states(victim, ended(client, asked(client, embedded, "Known"))["id"]))
    victim.prefect_api.patch(pool, json={"is_paused": True}).raise_for_status()
    job = asked(client, embedded, "Unknown")
    until = time.monotonic() + PATIENCE
    while not flow_runs(victim, job):
        assert time.monotonic() < until
        time.sleep(0.1)
    (run,) = flow_runs(victim, job)
    taken = {"state": {"type": "PENDING", "name": "Pending", "message": str(owner)}, "force": True}
    victim.prefect_api.post(f"/flow_runs/{run['id']}/set_state", json=taken).raise_for_status()
    victim.prefect_api.patch(pool, json={"is_paused": False}).raise_for_status()
    answer = ended(client, job)
    assert (answer["status"], answer["attempts"]) == ("done", 2)


def asked(client: httpx.Client, embedded: Server, name: str) -> int:
    """The job of a good source."""
    source = register(client, unique(name), options(embedded))
    return int(patiently(client, "POST", f"{SOURCES}/{source}/test").json()["job_id"])


def any_states(victim: Service, job: int) -> list[State[Any]]:
    """The states that the run of this job had."""
    (run,) = flow_runs(victim, job)
    found = victim.prefect_api.get("/flow_run_states/", params={"flow_run_id": run["id"]}).raise_for_status().json()
    return [State[Any].model_validate(state) for state in found]


def test_a_sweep_that_is_lost_before_it_begins(victim: Service, client: httpx.Client, embedded: Server) -> None:
    """Its run was taken by a worker that died of it: there is no sign of the sweep, and it is begun all the same."""
    ready(client)
    source = register(client, unique("Never begun"), options(embedded))
    address = f"{IMMEDIATE}/{source}/health/schedule"
    assert client.put(address, json={"interval_seconds": RARELY + 1}).status_code == 200
    query = "SELECT timetable_id FROM data_sources WHERE id = %s"
    with psycopg.connect(EmbeddedPostgres(Home(victim.home)).conninfo("catalogue").url(), autocommit=True) as session:
        ((timetable,),) = session.execute(query, [source])
    pool, deployment = "/work_pools/sourcecheck", victim.prefect_api.get("/deployments/name/sweep/health").json()["id"]
    victim.prefect_api.patch(pool, json={"is_paused": True}).raise_for_status()
    body = {"parameters": {"timetable_id": timetable}}
    run = victim.prefect_api.post(f"/deployments/{deployment}/create_flow_run", json=body).raise_for_status().json()
    crashed = {"state": {"type": "CRASHED", "name": "Crashed"}, "force": True}
    victim.prefect_api.post(f"/flow_runs/{run['id']}/set_state", json=crashed).raise_for_status()
    victim.prefect_api.patch(pool, json={"is_paused": False}).raise_for_status()
    until = time.monotonic() + PATIENCE
    while not (found := history(client, source)):
        assert time.monotonic() < until
        time.sleep(0.3)
    assert [(check["status"], check["trigger"]) for check in found] == [("active", "schedule")]
    assert client.delete(address).status_code == 200


def test_a_worker_that_is_killed(victim: Service, client: httpx.Client, embedded: Server) -> None:
    """Nothing of its runs goes on, and they are run again when there is a worker."""
    with ExitStack() as lock:
        holder = lock.enter_context(locked_schema(embedded, "worker_lost"))
        job = started(client, embedded, "worker_lost")
        process = owner_of(waiting_session(embedded, "worker_lost")[1])
        part(victim, "worker").kill()
        process.wait(20)
        holder.execute("ROLLBACK")
        answer = ended(client, job)
    assert (answer["status"], answer["attempts"]) == ("done", 2)
    afterwards(client, embedded, answer)


@pytest.mark.parametrize("name", ["api", "prefect", "postgres"])
def test_a_part_that_is_killed_while_a_step_runs(
    victim: Service, client: httpx.Client, embedded: Server, name: str
) -> None:
    """The API, Prefect's server, PostgreSQL below both: the job ends, with its true outcome or a reason."""
    with ExitStack() as lock:
        holder = lock.enter_context(locked_schema(embedded, f"lost_{name}"))
        job = started(client, embedded, f"lost_{name}")
        waiting_session(embedded, f"lost_{name}")
        part(victim, name).kill()
        time.sleep(1)
        holder.execute("ROLLBACK")
        answer = ended(client, job)
    assert answer["status"] == "done" or answer["reason"]
    afterwards(client, embedded, answer)


@pytest.mark.parametrize("name", PARTS)
def test_a_part_that_is_killed_while_a_job_waits(
    victim: Service, client: httpx.Client, embedded: Server, name: str
) -> None:
    """It is run later, and nothing of it is lost."""
    source = register(client, unique("Waits"), options(embedded), temp_schema="scratch")
    job = patiently(client, "POST", f"{SOURCES}/{source}/test", json={"timeout_seconds": LIMIT}).json()["job_id"]
    part(victim, name).kill()
    answer = ended(client, job)
    assert answer["status"] == "done" or "WORKER_LOST" in str(answer)
    assert {step["status"] for step in answer["results"]} <= {"done", "failed"}
    afterwards(client, embedded, answer)


def test_a_job_that_nobody_picks_up(victim: Service, client: httpx.Client, embedded: Server) -> None:
    """WORKER_LOST, and it says that it was never picked up; it does not run later."""
    ready(client)
    worker = part(victim, "worker")
    worker.suspend()
    try:
        source = register(client, unique("Nobody"), options(embedded))
        job = patiently(client, "POST", f"{SOURCES}/{source}/test", json={"timeout_seconds": 3}).json()["job_id"]
        answer = ended(client, job)
    finally:
        worker.resume()
    assert answer["status"] == "failed"
    assert {step["result"]["error_code"] for step in answer["results"]} == {"WORKER_LOST"}
    assert "never picked up" in answer["reason"]
    afterwards(client, embedded, answer)


def test_a_job_accepted_while_prefect_is_down(victim: Service, client: httpx.Client, embedded: Server) -> None:
    """Never forgotten: it is run when Prefect is back."""
    ready(client)
    source = register(client, unique("Later"), options(embedded), temp_schema="scratch")
    part(victim, "prefect").kill()
    job = patiently(client, "POST", f"{SOURCES}/{source}/test", json={"timeout_seconds": LIMIT}).json()["job_id"]
    answer = ended(client, job)
    assert (answer["status"], set(statuses(answer).values())) == ("done", {"done"})
    afterwards(client, embedded, answer)


def test_a_prefect_server_that_hangs(victim: Service, client: httpx.Client, embedded: Server) -> None:
    """It takes connections and says nothing: a job still ends soon after its deadline, and says why."""
    ready(client)
    source = register(client, unique("Hangs"), options(embedded))
    server = part(victim, "prefect")
    server.suspend()
    try:
        began = time.monotonic()
        job = patiently(client, "POST", f"{SOURCES}/{source}/test", json={"timeout_seconds": 2}).json()["job_id"]
        found = client.get("/health/ready").json()
        answer = ended(client, job)
        assert time.monotonic() - began < 60
    finally:
        server.resume()
    assert (found["prefect"], found["worker"], found["catalogue"]) == (False, False, True)
    assert answer["status"] == "failed"
    assert "never picked up" in answer["reason"]
    afterwards(client, embedded, answer)


def test_the_sweep_was_taken_up(client: httpx.Client, swept: Swept) -> None:
    """Whatever was killed since: each source was checked once, and the one that was lost by a run of its own."""
    ready(client)
    until = time.monotonic() + PATIENCE
    while not (lost := history(client, swept.silent)):
        assert time.monotonic() < until
        time.sleep(0.5)
    assert [(check["trigger"], check["job_id"] is None) for check in lost] == [("schedule", False)]
    for source in swept.good:
        found = [(check["status"], check["trigger"]) for check in history(client, source)]
        assert found == [("active", "schedule")]


def history(client: httpx.Client, source: int) -> list[dict[str, Any]]:
    """The checks of a source."""
    found: list[dict[str, Any]] = patiently(client, "GET", f"{IMMEDIATE}/{source}/health").json()["data"][
        "health_history"
    ]
    return found


def started(client: httpx.Client, embedded: Server, schema: str, timeout_seconds: int = LIMIT) -> int:
    """A job that will wait in this locked schema."""
    source = register(client, unique("Held"), options(embedded), temp_schema=schema)
    asked = patiently(client, "POST", f"{SOURCES}/{source}/test", json={"timeout_seconds": timeout_seconds})
    job = int(asked.json()["job_id"])
    read(client, job)
    return job
