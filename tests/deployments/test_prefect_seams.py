"""Private and undocumented parts of Prefect that we lean on: what breaks, in words, when a version changes one.

No server runs here. Each part is used in one room (`ROOMS`); docs/upgrading-prefect.md says what to do when a test fails.
"""

import ast
import importlib
import inspect
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import prefect
import pytest
import yaml
from prefect import flow
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import Pause

ROOT = Path(__file__).parents[2]
ROOMS = {
    "api/prefect/_private.py",
    "benchmarks/tools/aged.py",
    "deployments/cli/_prefect.py",
    "deployments/serve/_prefect.py",
    "deployments/worker/_prefect.py",
    "tasks/_prefect.py",
}
PRIVATE = (
    "prefect.cli",
    "prefect.engine",
    "prefect.flow_engine",
    "prefect.logging.configuration",
    "prefect.logging.loggers",
    "prefect.server",
    "prefect.task_engine",
    "prefect.utilities",
)
"""Modules that Prefect does not document for others."""

Seam = tuple[str, str, str]
ENGINE = "prefect.flow_engine:AsyncFlowRunEngine"
SYNC_ENGINE = "prefect.flow_engine:FlowRunEngine"
TASK_ENGINE = "prefect.task_engine:AsyncTaskRunEngine"
WORKER = "prefect.workers.base:BaseWorker"
SEAMS: list[Seam] = [
    *(
        (engine, name, f"a warm process could not run a flow to its end: WarmEngine.run and its like call {name}")
        for engine in (ENGINE, SYNC_ENGINE)
        for name in ("start", "is_running", "run_context", "call_flow_fn", "state")
    ),
    (ENGINE, "begin_run", "SIGTERM would end the process, not cancel the flow: WarmEngine.begin_run takes the signals"),
    (ENGINE, "handle_crash", "a cancelled run would end as crashed: WarmEngine.handle_crash tells the two apart"),
    (ENGINE, "handle_cancellation", "a cancelled run could not report itself cancelled: WarmEngine.handle_crash"),
    (SYNC_ENGINE, "handle_crash", "a cancelled run would end as crashed: WarmSyncEngine.handle_crash"),
    (
        SYNC_ENGINE,
        "handle_cancellation",
        "a cancelled run could not report itself cancelled: WarmSyncEngine.handle_crash",
    ),
    (SYNC_ENGINE, "heartbeat_seconds", "each synchronous run would take up to a second longer: WarmSyncEngine"),
    (
        ENGINE,
        "setup_flow_run_suspension_request",
        "each run would open a thread and a websocket of its own: WarmEngine",
    ),
    (ENGINE, "_get_flow_run_suspension_request", "an operator could not suspend a run: WarmEngine.suspend"),
    ("prefect._flow_run_suspension:FlowRunSuspensionRequest", "mark_requested", "an operator could not suspend a run"),
    ("prefect._flow_run_suspension:FlowRunSuspensionRequest", "raise_if_requested", "a suspended run would go on"),
    (WORKER, "get_and_submit_flow_runs", "Prefect's own polling would take up our runs, each in a new interpreter"),
    (WORKER, "sync_with_backend", "the worker would never learn its work pool, nor watch its events"),
    (WORKER, "setup", "the worker would introduce itself before a process is warm"),
    (WORKER, "teardown", "runs would be cut off when the worker stops"),
    ("prefect.tasks:Task", "create_local_run", "no step could run: tasks._prefect.run_at_once makes its task run"),
    *(
        (TASK_ENGINE, name, f"no step could run: StepEngine.run calls {name}")
        for name in ("start", "is_running", "run_context", "transaction_context", "call_task_fn")
    ),
    (TASK_ENGINE, "begin_run", "each step would be told when it begins, five events a test: StepEngine.begin_run"),
    (TASK_ENGINE, "set_state", "steps that have ended would be told as running: StepEngine.set_state"),
    ("prefect._flow_run_suspension", "raise_if_flow_run_suspension_requested", "a suspended run would go on"),
    (
        "prefect.server.models.csrf_token",
        "read_token_for_client",
        "each request to Prefect's server would read a token: remember_tokens",
    ),
    ("prefect.server.models.csrf_token", "create_or_update_csrf_token", "a new token would be refused: Tokens.make"),
    (
        "prefect.client.base:PrefectHttpxAsyncClient",
        "_add_csrf_headers",
        "requests at once would end each other's CSRF tokens: tasks._prefect.fetch_tokens_singly",
    ),
    ("prefect.context:AsyncClientContext", "__aenter__", "each run would make a client of its own: Clients.enter"),
    (
        "prefect.context:SyncClientContext",
        "__enter__",
        "each run would make a synchronous client of its own: Clients.enter",
    ),
    ("prefect.utilities.callables", "parameters_to_args_kwargs", "no flow could be given its parameters: engine_for"),
    ("prefect.utilities.callables", "get_call_parameters", "no flow could be given its parameters: engine_for"),
    ("prefect.utilities.visualization", "__name__", "each first run would import it: FIRST_RUN_IMPORTS names it"),
    ("prefect.server.api.server", "create_app", "Prefect's server could not be served on our socket: load_server"),
    ("prefect.cli", "app", "`sourcecheck up` could deploy nothing: deployments.cli._prefect.prefect"),
    (
        "prefect.logging.loggers",
        "flow_run_logger",
        "why a run could not be executed would not be in its log in Prefect",
    ),
    ("prefect.logging.configuration", "ensure_logging_setup", "the API and warm processes would not log"),
]


@pytest.mark.parametrize(("owner", "name", "consequence"), SEAMS, ids=[f"{owner}.{name}" for owner, name, _ in SEAMS])
def test_it_is_still_there(owner: str, name: str, consequence: str) -> None:
    """Otherwise the message says what no longer works."""
    module, _, attribute = owner.partition(":")
    found = importlib.import_module(module)
    found = getattr(found, attribute) if attribute else found
    message = f"Prefect {prefect.__version__}'s {owner.replace(':', '.')} no longer has {name}: {consequence}"
    assert hasattr(found, name), message


@pytest.mark.parametrize(
    ("owner", "name", "parameters"),
    [
        ("prefect.tasks:Task", "create_local_run", {"parameters", "flow_run_context"}),
        (TASK_ENGINE, "__init__", {"task", "task_run", "parameters"}),
        ("prefect.server.models.csrf_token:", "read_token_for_client", {"session", "client"}),
        ("prefect.server.models.csrf_token:", "create_or_update_csrf_token", {"session", "client"}),
        ("prefect.server.api.server:", "create_app", {"final"}),
        ("prefect.flows:", "load_flow_from_entrypoint", {"entrypoint", "use_placeholder_flow"}),
        (ENGINE, "__init__", {"flow", "flow_run", "parameters"}),
        (SYNC_ENGINE, "__init__", {"flow", "flow_run", "parameters"}),
    ],
)
def test_it_still_takes_what_we_give(owner: str, name: str, parameters: set[str]) -> None:
    """By name, so that another order does not matter."""
    module, _, attribute = owner.partition(":")
    found: Any = importlib.import_module(module)
    found = getattr(getattr(found, attribute) if attribute else found, name)
    missing = parameters - inspect.signature(found).parameters.keys()
    assert not missing, f"{module}.{name} no longer takes {sorted(missing)}"


def test_the_worker_keeps_what_we_read_of_it() -> None:
    """The attributes that `WorkPoolAccess` names are set by Prefect's own `BaseWorker.__init__`, with our types."""
    from prefect.workers.base import BaseWorker

    from deployments.worker._prefect import WorkPoolAccess

    own = calls_and_names(BaseWorker.__init__).names
    gone = WorkPoolAccess.__annotations__.keys() - own
    assert not gone, f"Prefect's BaseWorker no longer keeps {sorted(gone)}: our worker takes up no run, or has no limit"


def test_the_worker_leaves_cancelling_to_us() -> None:
    """Prefect's own observer would mark runs cancelled that are about to begin; it is off unless it is switched on."""
    from prefect.settings.models.worker import WorkerSettings

    default = WorkerSettings.model_fields["enable_cancellation"].default
    assert default is False, "Prefect's worker now cancels by itself: switch it off in stack.prefect_env and the README"


def test_a_task_is_run_as_we_copy_it() -> None:
    """StepEngine does the same, but for what tasks of ours have not: assets, a later start, a second attempt."""
    from prefect.task_engine import AsyncTaskRunEngine, run_task_async

    assert calls_and_names(run_task_async).calls - {""} == {
        "start",
        "is_running",
        "wait_until_ready",
        "asset_context",
        "run_context",
        "transaction_context",
        "call_task_fn",
        "raise_if_flow_run_suspension_requested",
        "result",
    }, "Prefect runs a task in another way: StepEngine.run has to follow"
    begun, entered = calls_and_names(AsyncTaskRunEngine.begin_run), calls_and_names(AsyncTaskRunEngine.set_state)
    noted = begun.names | entered.names
    assert noted == {
        "start_time",
        "flow_run_run_count",
        "state",
        "task_run_id",
        "flow_run_id",
        "state_id",
        "state_type",
        "state_name",
        "timestamp",
        "total_run_time",
        "run_count",
        "end_time",
        "_last_event",
    }, "Prefect notes something else when a task begins: StepEngine.begin_run has to follow"


def test_tokens_are_compared_with_what_we_remember() -> None:
    """Prefect's middleware and its route find both functions in their module when they are called."""
    from prefect.server.api import csrf_token, middleware

    found = inspect.getsource(middleware) + inspect.getsource(csrf_token)
    for name in ("read_token_for_client", "create_or_update_csrf_token"):
        assert f"models.csrf_token.{name}(" in found, f"Prefect calls {name} in another way: remember_tokens"


def test_suspension_is_set_up_as_we_copy_it() -> None:
    """WarmEngine does the same but for the observer; a new step there has to be thought about here."""
    from prefect.flow_engine import BaseFlowRunEngine

    steps = calls_and_names(BaseFlowRunEngine.setup_flow_run_suspension_request).calls
    assert steps == {
        "ValueError",
        "_get_flow_run_suspension_request",
        "ExitStack",
        "enter_context",
        "register_flow_run_suspension_request",
        "observe_flow_run_suspension",
        "raise_if_requested",
    }, "Prefect sets suspension up in another way: WarmEngine.setup_flow_run_suspension_request has to follow"


def test_a_flow_can_be_suspended_from_outside() -> None:
    """What `WarmEngine.suspend` notes is what Prefect's steps look at."""
    from deployments.worker._prefect import WarmEngine, engine_for

    engine = engine_for(doing_nothing, FlowRun(flow_id=UUID(int=1), parameters={}))
    assert isinstance(engine, WarmEngine)
    with engine.setup_flow_run_suspension_request() as request:
        engine.suspend(str(UUID(int=5)))
        with pytest.raises(Pause):
            request.raise_if_requested()


def test_no_heartbeat_is_none() -> None:
    """The synchronous engine overrides a property by None; Prefect has to take that for "none at all"."""
    source = inspect.getsource(importlib.import_module("prefect.flow_engine"))
    assert "if heartbeat_seconds is None:" in source, "None no longer switches Prefect's heartbeat off"


def test_runs_that_a_server_leaves_out() -> None:
    """`retried_in_process` has the word that Prefect's own query has."""
    folder = Path(prefect.__file__).parent / "server/database/sql/postgres"
    query = (folder / "get-runs-from-worker-queues.sql.jinja").read_text()
    assert "'retry_type' != 'in_process'" in query, "Prefect leaves out other runs now: decide.may_be_taken_up follows"


def test_how_often_a_worker_polls() -> None:
    """`look_ahead_seconds` covers the interval of Prefect's loop with what chance adds to it."""
    from prefect.workers.base import BaseWorker

    source = inspect.getsource(BaseWorker.start)
    assert "interval=PREFECT_WORKER_QUERY_SECONDS.value()" in source, "the worker polls by another setting"
    assert "jitter_range=0.3" in source, "the worker polls at other times: look_ahead_seconds covers 50 % more"


def test_events_of_runs() -> None:
    """The API's feed and the worker's watch read these names and labels."""
    from prefect.server.models.events import flow_run_state_change_event

    source = inspect.getsource(flow_run_state_change_event)
    for part in (
        'event=f"prefect.flow-run.{validated_state.name}"',
        '"prefect.resource.id": f"prefect.flow-run.{flow_run.id}"',
        '"prefect.state-type": validated_state.type.value',
        '"prefect.state-name"',
        '"prefect.state-message"',
        "id=validated_state_id",
    ):
        assert part in source, f"events of flow runs no longer have {part}: neither jobs nor runs are told of"


def test_a_heartbeat_is_no_news() -> None:
    """Prefect's engine sends it at the beginning of each run; the feed leaves it out by its name."""
    from api.prefect.client import PASSING

    name = f"prefect.flow-run.{PASSING[-1]}"
    assert f'event="{name}"' in inspect.getsource(importlib.import_module("prefect.flow_engine")), (
        f"{name} has another name: each run is read once more when it begins"
    )


def test_events_of_pools_and_queues() -> None:
    """The worker asks for limits again when it hears one of these."""
    from prefect.server.models import work_queues, workers

    from flows.prefect_events import LIMITS_CHANGED

    sources = (
        inspect.getsource(workers)
        + inspect.getsource(work_queues)
        + inspect.getsource(importlib.import_module("prefect.server.models.events"))
    )
    for name in LIMITS_CHANGED:
        kind = name.split(".")[1]
        assert f"prefect.{kind}" in sources, (
            f"{name} is no event any more: a changed limit is seen at the next poll only"
        )


@pytest.mark.parametrize(
    ("module", "method", "path"),
    [
        ("deployments", "POST", "/deployments/{id:uuid}/schedule"),
        ("events", "POST", "/events"),
        ("events", "POST", "/events/filter"),
        ("workers", "DELETE", "/work_pools/{work_pool_name}/workers/{name}"),
    ],
)
def test_requests_without_a_method_of_the_client(module: str, method: str, path: str) -> None:
    """They are made by their path."""
    router = importlib.import_module(f"prefect.server.api.{module}").router
    known = {(verb, route.path) for route in router.routes for verb in getattr(route, "methods", ())}
    assert (method, path) in known, f"Prefect's server no longer has {method} {path}"


def test_entries_of_the_logging_configuration() -> None:
    """The environment changes them by these names; an entry that is gone changes nothing, and says nothing."""
    from deployments.serve import _prefect as room

    entries = yaml.safe_load((Path(prefect.__file__).parent / "logging/logging.yml").read_text())
    names = {
        f"PREFECT_LOGGING_{kind}_{name}_{key}".upper()
        for kind in ("formatters", "handlers")
        for name, facts in entries[kind].items()
        for key in facts
    }
    gone = {room.API_LOG_LEVEL, room.JSON_FORMATTER, room.CONSOLE_FORMATTER} - names
    assert not gone, f"Prefect's logging.yml no longer has {sorted(gone)}: logs are not JSON, or go to Prefect in full"


def test_models_can_be_completed() -> None:
    """`complete_models` reads pydantic's own mark."""
    assert FlowRun.__pydantic_complete__ is True
    assert FlowRun.model_rebuild(raise_errors=False) is None, "a complete model is built again: a fork gets slower"


def test_a_state_has_what_our_answers_read() -> None:
    """The key of a pause is the question's."""
    state = State[Any](type=StateType.PAUSED)
    assert hasattr(state.state_details, "pause_key"), "a question could not be told from an operator's pause"


def test_prefect_is_imported_when_its_settings_are_known() -> None:
    """It reads the environment once. The worker's fork server is started, and logs are arranged, before that."""
    program = "import sys, deployments.worker.processes.pool, deployments.serve.logs; print('prefect' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "False"


def test_private_parts_stay_in_their_rooms() -> None:
    """No other module imports one of Prefect's."""
    folders = ("api", "flows", "tasks", "datasources", "deployments", "benchmarks")
    files = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    strays = {
        f"{file.relative_to(ROOT)} imports {name}"
        for file in files
        if str(file.relative_to(ROOT)) not in ROOMS
        for name in imported(file)
        if is_private(name)
    }
    assert not strays


def is_private(name: str) -> bool:
    """Whether Prefect keeps this to itself, or does not document it."""
    ours = name.split(".", maxsplit=1)[0] == "prefect"
    return ours and ("._" in name or any(f"{name}.".startswith(f"{module}.") for module in PRIVATE))


def imported(file: Path) -> Iterator[str]:
    """The modules, and what is taken from them."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


class Mentions:
    """What a function calls, and the attributes it sets."""

    def __init__(self, tree: ast.AST) -> None:
        self.calls: set[str] = set()
        self.names: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = node.func
                self.calls.add(called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", ""))
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                self.names.add(node.attr)


def calls_and_names(function: Any) -> Mentions:
    """Of a function's source."""
    return Mentions(ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function)))))


@flow
async def doing_nothing() -> None:
    """A flow."""
