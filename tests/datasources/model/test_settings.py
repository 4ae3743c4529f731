"""Every setting is checked when it is read: one sentence that names the variable, and shows no secret."""

import pytest

from datasources.model.errors import SettingsError
from datasources.model.setting_rules import RULES
from datasources.model.settings import PREFIX, Settings

FERNET = "a2V5LW9mLWFuLWVhcmxpZXItdmVyc2lvbi0xMjM0NTY="
HIDDEN = "hidden-part-of-it"

WRONG = [
    ("API_PORT", "0", "'0' is not a whole number from 1 to 65535"),
    ("API_PORT", "65536", "'65536' is not a whole number from 1 to 65535"),
    ("PREFECT_PORT", "http", "'http' is not a whole number from 1 to 65535"),
    ("JOB_TIMEOUT", "1.5", "'1.5' is not a whole number from 1 to 86400"),
    ("RUNS_PER_PROCESS", "0", "'0' is not a whole number from 1 on"),
    ("KEEP_JOBS_DAYS", "4000", "'4000' is not a whole number from 1 to 3650"),
    ("LOG_LEVEL", "info", "'info' is not one of CRITICAL, DEBUG, ERROR, INFO, WARNING"),
    ("ALLOW_PRIVATE_NETWORKS", "maybe", "'maybe' is not true or false"),
    ("API_HOST", "http://127.0.0.1", "is not a host name or address"),
    ("API_HOST", "127.0.0.1/x", "is not a host name or address"),
    ("DATABASE_URL", f"mysql://u:{HIDDEN}@h/d", "has to be the address of a PostgreSQL database"),
    ("DATABASE_URL", f"postgresql://u:{HIDDEN}@h:5432", "names no database"),
    ("DATABASE_URL", f"postgresql://u:{HIDDEN}@h:99999/d", "has to be the address of a PostgreSQL database"),
    ("PREFECT_DATABASE_URL", HIDDEN, "has to be the address of a PostgreSQL database"),
    ("PREFECT_API_URL", "localhost:4200", "has to be the address of Prefect's API: http://host:port/api"),
    ("PREFECT_API_URL", "http://prefect:4200", "http://prefect:4200 is where Prefect's UI is; the address of its API"),
    ("PREFECT_API_URL", "http://prefect:port/api", "has to be the address of Prefect's API"),
    ("PREFECT_UI_URL", "prefect", "has to be an address that a browser opens"),
    ("BOOTSTRAP_KEY", "short", "needs at least 16 characters"),
    ("SECRET_KEYS", HIDDEN, "this is not a Fernet key"),
    ("SECRET_KEYS", f"{FERNET},{HIDDEN}", "key 2 of 2 is not a Fernet key"),
    ("SECRET_KEYS", " , ", "holds no key"),
    ("WORK_POOL", "a/b", "the name of a work pool cannot contain"),
    ("WORK_POOL", "prefect-managed", "Prefect keeps names that begin with `prefect`"),
    ("WORK_POOL_TYPE", "My Type", "lower-case letters, digits and dashes only"),
    ("DEPLOYMENT", "check-source", "'check-source' is not of the form flow/deployment"),
    ("HEALTH_DEPLOYMENT", "a/b/c", "'a/b/c' is not of the form flow/deployment"),
    ("FILE_ROOT", "data", "'data' is not an absolute path"),
    ("ALLOWED_HOSTS", "checks.example, https://checks.example", "'https://checks.example' is not a host name"),
    ("ALLOWED_NETWORKS", "10.0.0.0/8, office", "'office' is not a range of addresses in CIDR form"),
    ("ALLOWED_NETWORKS", "10.0.0.1/8", "'10.0.0.1/8' has bits set beyond its prefix; the range is 10.0.0.0/8"),
]


@pytest.mark.parametrize(("name", "value", "sentence"), WRONG)
def test_a_wrong_value_is_named_in_one_sentence(name: str, value: str, sentence: str) -> None:
    """The variable comes first; a value that may hold a secret is not repeated."""
    with pytest.raises(SettingsError) as caught:
        Settings.load({PREFIX + name: value})
    said = str(caught.value)
    assert said.startswith(f"{PREFIX}{name}: ")
    assert sentence in said
    assert "\n" not in said
    assert HIDDEN not in said


RIGHT = {
    "API_HOST": ["0.0.0.0", "::1", "host.example"],
    "DATABASE_URL": [
        "postgresql://u:p@h:5432/d",
        "postgres://h/d",
        "postgresql+psycopg://h/d",
        "postgresql:///d?host=/run",
    ],
    "PREFECT_API_URL": ["http://127.0.0.1:4200/api", "https://api.prefect.cloud/api/accounts/1/workspaces/2"],
    "PREFECT_UI_URL": ["http://127.0.0.1:4200", "https://prefect.example/ui"],
    "SECRET_KEYS": [FERNET, f" {FERNET} , {FERNET},"],
    "ALLOWED_HOSTS": ["checks.example", "*.inside.example, checks.example,", "*", ""],
    "ALLOWED_NETWORKS": ["10.0.0.0/8", "10.1.2.3, fd12::/64,", ""],
    "DEPLOYMENT": ["check-source/check"],
    "ALLOW_PRIVATE_NETWORKS": ["true", "false", "1", "0"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in RIGHT.items() for value in values])
def test_what_is_right_is_taken(name: str, value: str) -> None:
    """Forms that real deployments use."""
    Settings.load({PREFIX + name: value})


def test_every_text_has_a_rule_or_can_be_anything() -> None:
    """A new setting that is a text has to be given a rule; `home` is any path."""
    texts = {name for name, kind in Settings.__annotations__.items() if kind in (str, str | None)}
    assert texts - RULES.keys() == {"home"}
    assert RULES.keys() <= texts


def test_an_unknown_variable_is_refused_with_the_nearest_known_one() -> None:
    """What is mistyped would otherwise be left at its default without a word."""
    for given, said in {
        "SOURCECHECK_API_PROT": "SOURCECHECK_API_PROT is not a setting (did you mean SOURCECHECK_API_PORT?)",
        "SOURCECHECK_SECRET_KEY": "SOURCECHECK_SECRET_KEY is not a setting (did you mean SOURCECHECK_SECRET_KEYS?)",
        "SOURCECHECK_XYZ": "SOURCECHECK_XYZ is not a setting",
    }.items():
        with pytest.raises(SettingsError) as caught:
            Settings.load({given: "1"})
        assert str(caught.value) == said


@pytest.mark.parametrize(
    "given",
    ["SOURCECHECK_URL", "SOURCECHECK_SERVICE_HOST", "SOURCECHECK_PORT", "SOURCECHECK_PORT_8000_TCP_ADDR", "OTHER"],
)
def test_variables_of_others_are_left_alone(given: str) -> None:
    """The client package's, and those of a Kubernetes Service called `sourcecheck`."""
    assert Settings.load({given: "tcp://10.0.0.1:8000"}) == Settings()


def test_settings_that_contradict_each_other_are_named() -> None:
    """Each is right by itself."""
    with pytest.raises(SettingsError, match="cannot both listen on port 8000"):
        Settings.load({"SOURCECHECK_PREFECT_PORT": "8000"})
    Settings.load({"SOURCECHECK_PREFECT_PORT": "8000", "SOURCECHECK_PREFECT_API_URL": "http://other:8000/api"})
    with pytest.raises(SettingsError, match="7 days of history are fewer than the 30 days of single checks"):
        Settings.load({"SOURCECHECK_KEEP_HISTORY_DAYS": "7"})


def test_an_empty_value_is_the_default() -> None:
    """As compose files give it for what is not set."""
    assert Settings.load({"SOURCECHECK_API_PORT": "", "SOURCECHECK_DATABASE_URL": ""}) == Settings()


def test_metrics_of_each_source_need_a_key() -> None:
    """They name sources of every organization, and `/metrics` is open without one."""
    environ = {"SOURCECHECK_SOURCE_METRICS": "1000"}
    with pytest.raises(SettingsError, match="SOURCECHECK_METRICS_KEY: metrics that name data sources"):
        Settings.load(environ)
    assert Settings.load(environ | {"SOURCECHECK_METRICS_KEY": "k" * 16}).source_metrics == 1000
    with pytest.raises(SettingsError, match="SOURCECHECK_METRICS_KEY: it needs at least 16 characters"):
        Settings.load({"SOURCECHECK_METRICS_KEY": "short"})
