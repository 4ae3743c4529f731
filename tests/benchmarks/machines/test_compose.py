"""What of a compose file is understood, and that ours says what has to hold of every part (docs/scale.md)."""

from pathlib import Path

import pytest

from benchmarks.machines.compose import DEFAULT_NETWORK, HEALTHY, Service, UnsetVariableError, fill, read_compose
from benchmarks.machines.images import image_environ
from benchmarks.machines.running import FILE, environment
from deployments.stack import prefect_env

FILE_OF_TWO = """
x-base: &base
  image: base
  restart: unless-stopped
services:
  one:
    <<: *base
    command: sh -c "serve --port $$PORT ${WORD:-now}"
    environment: {NUMBER: 1, SECRET: "${SECRET:?}"}
    volumes: [data:/data, ./here.conf:/etc/there.conf:ro]
    healthcheck: {test: [CMD-SHELL, look here], interval: 3s, timeout: 2s, retries: 5}
  two:
    image: other
    networks: [inside]
    depends_on: {one: {condition: service_healthy}}
    healthcheck: {disable: true}
    deploy: {replicas: 2}
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("${A}", "a"),
        ("<${A:?}>", "<a>"),
        ("${B:-b}", "b"),
        ("${EMPTY:-b}", "b"),
        ("${A:-b}", "a"),
        ("${B}", ""),
        ("${B:-}", ""),
        ("$$A", "$A"),
        ("$${A}", "${A}"),
    ],
)
def test_variables(text: str, expected: str) -> None:
    """As Compose fills them in."""
    assert fill(text, {"A": "a", "EMPTY": ""}) == expected


@pytest.mark.parametrize("environ", [{}, {"A": ""}])
def test_a_variable_that_has_to_be_set(environ: dict[str, str]) -> None:
    """An empty one counts as none."""
    with pytest.raises(UnsetVariableError, match="A"):
        fill("${A:?}", environ)


def test_services(tmp_path: Path) -> None:
    """Merged, filled in, with defaults."""
    file = tmp_path / "compose.yaml"
    file.write_text(FILE_OF_TWO)
    services = read_compose(file, {"SECRET": "s"})
    one, two = services["one"], services["two"]
    assert one.command == ("sh", "-c", "serve --port $PORT now")
    assert one.environment == {"NUMBER": "1", "SECRET": "s"}
    assert one.mounts == {"/etc/there.conf": str(tmp_path / "here.conf")}
    assert (one.restarts, one.replicas, one.networks) == (True, 1, (DEFAULT_NETWORK,))
    assert one.health is not None
    assert (one.health.command, one.health.interval, one.health.retries) == (("sh", "-c", "look here"), 3, 5)
    assert (two.restarts, two.replicas, two.networks, two.health) == (False, 2, ("inside",), None)
    assert two.needs == {"one": HEALTHY}


def test_what_is_not_understood_is_said(tmp_path: Path) -> None:
    """A key that would be ignored could be the one that matters."""
    file = tmp_path / "compose.yaml"
    file.write_text("services: {one: {image: x, privileged: true}}")
    with pytest.raises(KeyError, match="privileged"):
        read_compose(file, {})


def test_what_an_image_sets() -> None:
    """By its last stage."""
    text = "FROM a AS build\nENV A=1\nFROM b\nENV B=2 \\\n    C=/x:/y\nRUN true\nENV D=3\n"
    assert image_environ(text) == {"B": "2", "C": "/x:/y", "D": "3"}


@pytest.fixture
def ours() -> dict[str, Service]:
    """Our own file."""
    return read_compose(FILE, environment())


@pytest.mark.parametrize("name", sorted(environment()))
def test_no_password_of_ours_has_a_default(name: str) -> None:
    """Whoever starts it has to choose each."""
    environ = environment()
    del environ[name]
    with pytest.raises(UnsetVariableError, match=name):
        read_compose(FILE, environ)


def test_only_what_is_in_front_is_published_and_only_on_this_machine(ours: dict[str, Service]) -> None:
    """Prefect's API, which asks for the credential, and ours."""
    assert {name: service.ports for name, service in ours.items() if service.ports} == {
        "prefect": ("127.0.0.1:4200:4200",),
        "api": ("127.0.0.1:8000:8000",),
    }


def test_what_connects_to_databases_of_others_is_not_inside(ours: dict[str, Service]) -> None:
    """Redis and the replicas of Prefect's API are on a network of their own; two have a foot in both."""
    by_networks = {name: set(service.networks) for name, service in ours.items()}
    assert {name for name, networks in by_networks.items() if networks == {"inside", "outside"}} == {
        "postgres",
        "prefect",
    }
    assert {name for name, networks in by_networks.items() if networks == {"outside"}} == {
        *("setup", "api-1", "api-2", "api", "worker")
    }
    assert DEFAULT_NETWORK not in set().union(*by_networks.values())


def test_parts_of_prefects_server_are_told_what_the_local_one_is(ours: dict[str, Service]) -> None:
    """What makes it quick, keeps it bounded and shuts it, but for what is about one machine."""
    told = prefect_env.QUICK | prefect_env.BOUNDED | prefect_env.CLOSED
    for name in ("prefect-migrate", "prefect-api-1", "prefect-api-2", "prefect-services"):
        assert told.items() <= ours[name].environment.items(), name
