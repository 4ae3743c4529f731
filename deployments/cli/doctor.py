"""`sourcecheck doctor`: the settings that hold, what answers and how fast, versions, and the disk."""

import asyncio
import os
import platform
import shutil
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import httpx
import msgspec
from packaging.requirements import Requirement
from rich.console import Console
from sourcecheck.cli.output import Output

from datasources.catalogue.migrate import ensure_current
from datasources.model.errors import SettingsError
from datasources.model.settings import Settings, variable
from deployments.cli.sizes import database_sizes
from deployments.project_files import project_file
from deployments.stack.home import Home
from deployments.stack.local import credential_for, with_local_defaults
from deployments.stack.probes import Probe, probe_database, probe_prefect

LEAST_FREE = 512 * 1024 * 1024
"""Bytes on the disk of the home below which PostgreSQL may soon stop."""
MOST_NAMED = 8
"""How many packages to name; the rest are only counted."""

console = Console(highlight=False, soft_wrap=True)


def doctor(given: Settings, out: Output) -> int:
    """Show everything; 0 when a test would be taken up and there is room, 1 when not."""
    console.quiet = out.json or out.quiet
    settings = _effective(given)
    home = Home(settings.home_path)
    console.print(f"sourcecheck {version('sourcecheck')}, Python {platform.python_version()}, {platform.platform()}")
    console.print(f"home        {home.path}{'' if home.path.exists() else ' (missing: no local stack was started)'}")
    _show_settings(given, settings)
    probes = asyncio.run(_ask_all(settings, home))
    _show_probes(probes)
    console.print(_packages(project_file("constraints.txt").read_text()), markup=False)
    disk = _disk(home.path)
    console.print(f"disk        {disk.says}", markup=False)
    for line in database_sizes(settings, home):
        console.print(f"size        {line}", markup=False)
    answers = [{"name": one.name, "ok": one.ok, "milliseconds": one.milliseconds, "says": one.says} for one in probes]
    out.result(
        {
            "version": version("sourcecheck"),
            "home": str(home.path),
            "settings": shown_settings(settings),
            "answers": answers,
            "disk": {"ok": disk.ok, "says": disk.says},
        }
    )
    return 0 if all(probe.ok for probe in (*probes, disk)) else 1


def _effective(given: Settings) -> Settings:
    """The settings as the local stack completes them, if there is one."""
    settings = with_local_defaults(given)
    if Home(given.home_path).remembered("stack") is None or os.environ.get(variable("allow_private_networks")):
        return settings
    return msgspec.structs.replace(settings, allow_private_networks=True)


def shown_settings(settings: Settings) -> dict[str, str]:
    """Every setting by its variable; of a secret one, only that it is set."""
    effective = settings.environ()
    return {
        variable(name): "(set, not shown)"
        if name in Settings.secret_fields and effective.get(variable(name))
        else effective.get(variable(name), "")
        for name in Settings.__struct_fields__
    }


def _show_settings(given: Settings, settings: Settings) -> None:
    shown = shown_settings(settings)
    for name in Settings.__struct_fields__:
        line = f"  {variable(name):<40}{shown[variable(name)]:<30}{_origin(name, given, settings)}"
        console.print(line.rstrip(), markup=False)


def _origin(name: str, given: Settings, settings: Settings) -> str:
    if os.environ.get(variable(name)):
        return "environment"
    return "" if getattr(given, name) == getattr(settings, name) else "local stack"


async def _ask_all(settings: Settings, home: Home) -> list[Probe]:
    """Every server that a test needs, one after the other, so that none makes another seem slow."""
    api = (home.remembered("stack") or {}).get("api_url") or f"http://{settings.api_host}:{settings.api_port}"
    return [
        await _ask_catalogue(settings),
        await _ask_prefect(settings),
        await _ask_api(api),
    ]


async def _ask_catalogue(settings: Settings) -> Probe:
    if not settings.database_url:
        return Probe("catalogue", False, 0, f"{variable('database_url')} is not set, and there is no local stack")
    probe = await probe_database("catalogue", settings.database_url)
    if not probe.ok:
        return probe
    try:
        await asyncio.to_thread(ensure_current, settings)
    except SettingsError as error:
        return Probe("catalogue", False, probe.milliseconds, str(error))
    return probe


async def _ask_prefect(settings: Settings) -> Probe:
    url = settings.prefect_api_url or os.environ.get("PREFECT_API_URL")
    if not url:
        return Probe("Prefect", False, 0, f"{variable('prefect_api_url')} is not set, and there is no local stack")
    return await probe_prefect("Prefect", url, credential_for(url, settings))


async def _ask_api(address: str) -> Probe:
    """Readiness, in its own words."""
    began = time.monotonic()
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=8) as client:
            answer = await client.get(f"{address}/health/ready")
        problems = answer.json()["problems"]
        says = f"{address}: {'; '.join(problems.values()) or 'a test would be taken up'}"
        ok = answer.status_code == httpx.codes.OK
    except (httpx.HTTPError, ValueError, KeyError) as error:
        ok, says = False, f"{address} does not answer: {error}"
    return Probe("API", ok, round((time.monotonic() - began) * 1000, 1), says)


def _show_probes(probes: list[Probe]) -> None:
    for probe in probes:
        answer = f"{probe.milliseconds:g} ms" if probe.ok else "NO"
        console.print(f"{probe.name:<12}{answer:<12}{probe.says}", markup=False)


def _packages(pins: str) -> str:
    """How what is installed differs from what was tested."""
    other = list(differing(pins))
    if not other:
        return "packages    all have the versions that this release was tested with"
    more = f" and {len(other) - MOST_NAMED} more" if len(other) > MOST_NAMED else ""
    return f"packages    not in the tested version: {', '.join(other[:MOST_NAMED])}{more}"


def differing(pins: str) -> Iterator[str]:
    """Each installed package that has another version than its pin: `name 2.0 (tested: 1.0)`."""
    for line in pins.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        pin = Requirement(line)
        if pin.marker and not pin.marker.evaluate():
            continue
        try:
            found = version(pin.name)
        except PackageNotFoundError:
            continue
        if not pin.specifier.contains(found, prereleases=True):
            yield f"{pin.name} {found} (tested: {str(pin.specifier).removeprefix('==')})"


def _disk(home: Path) -> Probe:
    """What the home takes, by folder, and how much room there is."""
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    parts = [f"{folder.name} {_megabytes(_size(folder))}" for folder in sorted(home.glob("*/"))]
    taken = f"; the home takes {_megabytes(_size(home))} ({', '.join(parts)})" if parts else ""
    short = "" if free >= LEAST_FREE else f", less than {_megabytes(LEAST_FREE)}: PostgreSQL may soon stop"
    return Probe("disk", free >= LEAST_FREE, 0, f"{_megabytes(free)} free at {there}{short}{taken}")


def _size(folder: Path) -> int:
    total = 0
    for path, _, files in os.walk(folder):
        for file in files:
            try:
                total += os.lstat(os.path.join(path, file)).st_size
            except OSError:  # gone meanwhile, or not ours to see
                continue
    return total


def _megabytes(size: int) -> str:
    return f"{size / 1024 / 1024:.0f} MB"
