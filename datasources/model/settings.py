"""All settings, read once from the environment: `SOURCECHECK_` and the field's name in capitals."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta, inspect

from datasources.model.errors import SettingsError
from datasources.model.inputs.nearest import did_you_mean
from datasources.model.setting_rules import RULES
from datasources.model.source import Masked, Port

PREFIX = "SOURCECHECK_"
OF_THE_CLIENT = {"SOURCECHECK_URL", "SOURCECHECK_API_KEY"}
"""Settings of the client package, which may stand in the same environment."""
OF_KUBERNETES = re.compile(r"SOURCECHECK_(SERVICE_.+|PORT|PORT_\d+_.+)")
"""What Kubernetes puts into every container beside a Service called `sourcecheck` (Kubernetes, "Service")."""
Days = Annotated[int, Meta(ge=1, le=3650)]


class Settings(Masked, kw_only=True, frozen=True):
    """Every setting has a default; docs/settings.md says what each is for."""

    secret_fields: ClassVar[tuple[str, ...]] = (
        "database_url",
        "bootstrap_key",
        "secret_keys",
        "prefect_database_url",
        "metrics_key",
    )

    home: str = ".sourcecheck"
    """All state, logs included, lies below it."""
    api_host: str = "127.0.0.1"
    api_port: Port = 8000
    allowed_hosts: str = ""
    """Names under which clients reach the API, separated by commas; addresses of this machine need no mention."""
    prefect_port: Port = 4200
    database_url: str | None = None
    """The catalogue, `postgresql://user:password@host:port/name`; None means the embedded server."""
    prefect_api_url: str | None = None
    """An existing Prefect server, `http://host:port/api`; None means our own."""
    prefect_ui_url: str | None = None
    """Where people open the Prefect UI; derived from the API's address when None."""
    prefect_database_url: str | None = None
    """Prefect's own database; None means the embedded server."""
    bootstrap_key: str | None = None
    """The first user's API key, for automation; made up and shown when None."""
    secret_keys: str | None = None
    """Fernet keys that encrypt stored secrets, newest first, separated by commas."""
    work_pool: str = "sourcecheck"
    work_pool_type: str = "sourcecheck"
    """The type the work pool is made with; a stock one such as `process` works too, and is slower."""
    runs_per_process: Annotated[int, Meta(ge=1)] = 200
    """Flow runs after which a warm process of our worker is replaced."""
    run_memory_mb: Annotated[int, Meta(ge=256, le=1_048_576)] = 1024
    """Megabytes of data that the process of a run may take; what needs more ends with an error of that run."""
    deployment: str = "check-source/check"
    """The deployment that runs a test, `flow/deployment`."""
    health_deployment: str = "sweep/health"
    """The deployment whose schedules, one a timetable, check sources regularly, `flow/deployment`."""
    downloads_deployment: str = "downloads/downloads"
    """The deployment whose schedules have schemas and lineage downloaded, `flow/deployment`."""
    allow_private_networks: bool = False
    """Whether sources may lie in private and loopback ranges; the local stack sets it."""
    allowed_networks: str = ""
    """Ranges allowed although private, in CIDR form, separated by commas."""
    secret_references: str = ""
    """Rules for references to secrets, `env:PATTERN@HOST`, separated by blanks; none means that there are none."""
    file_root: str | None = None
    """The folder on the worker's machine below which sources that are files may lie; None means that there are none."""
    job_timeout: Annotated[int, Meta(ge=1, le=86400)] = 300
    """Seconds from acceptance to the end of a job that names no limit of its own."""
    keep_records_days: Days = 30
    """Single checks; after that the hours they were rolled up into are left."""
    keep_history_days: Days = 400
    """Hours that were rolled up, changes of state, and what schemas and lineage were before."""
    keep_scheduled_jobs_days: Days = 3
    """Ended jobs of schedules, with all they found."""
    keep_jobs_days: Days = 90
    """Ended jobs that a client asked for, with all they found."""
    answers_in_prefect: bool = True
    """Whether an answer that is given in Prefect's UI counts; our API knows who answers, Prefect does not."""
    question_timeout: Annotated[int, Meta(ge=1, le=30 * 86400)] = 86400
    """Seconds that a test waits for the answer to its question."""
    tests_per_minute: Annotated[int, Meta(ge=1, le=1_000_000)] = 1200
    """Requests for a test that one organization may make in a minute, at each process of the API."""
    max_waiting_jobs: Annotated[int, Meta(ge=1, le=1_000_000)] = 1000
    """Accepted jobs of one organization that have not begun; from there on new ones are refused."""
    slots_per_worker: Annotated[int, Meta(ge=2, le=1000)] = 16
    """Tests that one worker runs at the same time; an organization may hold as many slots as it leaves free."""
    max_schedules: Annotated[int, Meta(ge=0, le=1_000_000)] = 10_000
    """Sources of one organization that may have a schedule."""
    max_timetables: Annotated[int, Meta(ge=1, le=10_000)] = 50
    """Distinct timetables that the schedules of one organization may have."""
    scheduled_tests_per_minute: Annotated[int, Meta(ge=1, le=1_000_000)] = 2400
    """Tests that the schedules of one organization may ask for in a minute, all together."""
    source_metrics: Annotated[int, Meta(ge=0, le=100_000)] = 0
    """Sources that `/metrics` names, at most; 0 means none."""
    metrics_key: str | None = None
    """What a reader of `/metrics` shows; None means that it needs no key, and names no source."""
    sweeps_per_worker: Annotated[int, Meta(ge=1, le=1000)] = 4
    """Sweeps that one worker runs at the same time, beside its tests."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    log_format: Literal["json", "text"] = "json"
    """Form of the log of the API, the worker and the flow runs: one JSON object a line, or lines for people."""
    log_megabytes: Annotated[int, Meta(ge=1, le=10_000)] = 10
    """Size at which the local stack puts a log aside."""
    log_files: Annotated[int, Meta(ge=1, le=100)] = 5
    """Logs put aside that are kept, for each part of the local stack."""

    @property
    def home_path(self) -> Path:
        """`home` as an absolute path."""
        return Path(self.home).expanduser().resolve()

    @property
    def prefect_ui(self) -> str:
        """Where people open the Prefect UI; empty where nothing tells."""
        address = self.prefect_ui_url or (self.prefect_api_url or "").removesuffix("/").removesuffix("/api")
        return address.rstrip("/")

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the environment, unless this process keeps settings.

        Raises `SettingsError` naming the variable at fault.
        """
        if environ is None:
            if _kept:
                return _kept[0]
            environ = os.environ
        _refuse_unknown(environ)
        given: dict[str, Any] = {
            name: value for name in cls.__struct_fields__ if (value := environ.get(variable(name)))
        }
        for name, value in given.items():
            try:
                msgspec.convert({name: value}, cls, strict=False)
            except msgspec.ValidationError as error:
                raise SettingsError(f"{variable(name)}: {value!r} is not {_wanted(name)}") from error
            if name in RULES and (wrong := RULES[name](value)):
                raise SettingsError(f"{variable(name)}: {wrong}")
        settings = msgspec.convert(given, cls, strict=False)
        _refuse_contradictions(settings)
        return settings

    def keep(self) -> None:
        """Be what `load` answers in this process from now on: its environment no longer has to hold any secret."""
        _kept[:] = [self]

    def environ(self) -> dict[str, str]:
        """The same settings as environment variables, for a child process."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        return {
            variable(name): str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in fields.items()
            if value is not None
        }


_kept: list[Settings] = []
"""The settings that this process keeps, once there are any."""


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def _refuse_unknown(environ: Mapping[str, str]) -> None:
    """A mistyped variable would be a setting that is silently left at its default."""
    known = {variable(name) for name in Settings.__struct_fields__}
    for given in sorted(environ):
        if given.startswith(PREFIX) and given not in known | OF_THE_CLIENT and not OF_KUBERNETES.fullmatch(given):
            raise SettingsError(f"{given} is not a setting{did_you_mean(given, known, PREFIX)}")


def _refuse_contradictions(settings: Settings) -> None:
    if settings.prefect_api_url is None and settings.api_port == settings.prefect_port:
        raise SettingsError(
            f"{variable('prefect_port')}: the API and Prefect's server cannot both listen on port {settings.api_port}"
        )
    if settings.source_metrics and not settings.metrics_key:
        raise SettingsError(
            f"{variable('metrics_key')}: metrics that name data sources ({variable('source_metrics')}) need a key that "
            "their reader shows"
        )
    if settings.keep_history_days < settings.keep_records_days:
        raise SettingsError(
            f"{variable('keep_history_days')}: {settings.keep_history_days} days of history are fewer than the "
            f"{settings.keep_records_days} days of single checks ({variable('keep_records_days')}) that it is made from"
        )


def _wanted(name: str) -> str:
    """What the type of a setting asks for, in words."""
    found = next(field.type for field in inspect.type_info(Settings).fields if field.name == name)  # type: ignore[attr-defined]
    match found:
        case inspect.IntType(ge=int(low), le=int(high)):
            return f"a whole number from {low} to {high}"
        case inspect.IntType(ge=int(low)):
            return f"a whole number from {low} on"
        case inspect.LiteralType(values):
            return f"one of {', '.join(map(str, values))}"
        case inspect.BoolType():
            return "true or false"
    return "what this setting takes"
