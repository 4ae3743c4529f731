"""How long the list of 1,000 sources takes on the server, how large it is, and when a browser shows it.

    python -m benchmarks.pages postgresql://user:password@host/empty-database [--rounds 20]

Fills an empty database with sources of every state, each with a month of history, and serves it by a process of the API
without Prefect. Each round asks for the list when what the process remembers of it is over. First paint is Chromium's
own figure, on the loopback; it is left out where Chromium is not installed.
"""

import argparse
import asyncio
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import httpx
import psutil
from cryptography.fernet import Fernet

from benchmarks.tools.page_data import add_tests, fill
from datasources.catalogue.engine import session_scope
from datasources.catalogue.migrate import upgrade
from datasources.catalogue.organizations.accounts import bootstrap
from datasources.model.settings import Settings
from datasources.secrecy.vault import Vault
from deployments.stack.ports import free_port

KEY = "key-of-the-benchmark"
SOURCES = 1000
PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
PAUSE_SECONDS = 1.2
"""Longer than a board is fresh."""


def main() -> None:
    """Measure, and print a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="an empty PostgreSQL database whose user owns it")
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    keys, port = Fernet.generate_key().decode(), free_port()
    asyncio.run(_fill(Settings(database_url=given.url), keys))
    environ = os.environ | {
        "SOURCECHECK_HOME": tempfile.mkdtemp(),
        "SOURCECHECK_API_PORT": str(port),
        "SOURCECHECK_DATABASE_URL": given.url,
        "SOURCECHECK_SECRET_KEYS": keys,
        "SOURCECHECK_PREFECT_API_URL": f"http://127.0.0.1:{free_port()}/api",
    }
    process = subprocess.Popen([sys.executable, "-m", "deployments.cli", "serve"], env=environ)
    try:
        _measure(f"http://127.0.0.1:{port}", given.rounds, psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait()


async def _fill(settings: Settings, keys: str) -> None:
    upgrade(settings)
    async with session_scope(settings) as session:
        made = await bootstrap(session, KEY)
        await fill(session, made.organization_id, Vault(keys), sources=SOURCES)
        await add_tests(session, made.organization_id)


def _measure(address: str, rounds: int, server: psutil.Process) -> None:
    with httpx.Client(base_url=address, timeout=30) as client:
        _wait(client)
        fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', client.get("/sign-in").text))
        client.post("/sign-in", data=fields | {"key": KEY})
        times, signs, size = [], [], 0
        client.get("/")
        spent = sum(server.cpu_times()[:2])
        for _ in range(rounds):
            time.sleep(PAUSE_SECONDS)
            began = time.perf_counter()
            size = len(client.get("/").raise_for_status().content)
            times.append((time.perf_counter() - began) * 1000)
            began = time.perf_counter()
            client.get("/health/live").raise_for_status()
            signs.append((time.perf_counter() - began) * 1000)
        spent = (sum(server.cpu_times()[:2]) - spent) * 1000 / rounds
    ordered = sorted(times)
    print(f"list of {SOURCES} sources: {size / 1000:.0f} kB")
    print(f"on the server: median {statistics.median(ordered):.0f} ms, least {ordered[0]:.0f}, most {ordered[-1]:.0f}")
    live = statistics.median(signs)
    print(
        f"/health/live beside each: median {live:.1f} ms, so a list is {statistics.median(ordered) / live:.0f} of them"
    )
    print(f"CPU of the API, idling included: {spent:.0f} ms a list")
    if path := shutil.which("chromium"):
        paints = asyncio.run(_paints(address, path))
        print(f"first paint in Chromium: median {statistics.median(paints):.0f} ms of {len(paints)}")


def _wait(client: httpx.Client) -> None:
    while True:
        try:
            if client.get("/health/live").status_code == httpx.codes.OK:
                return
        except httpx.HTTPError:
            time.sleep(0.2)


async def _paints(address: str, path: str) -> list[float]:
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = await browser.new_page()
        await page.goto(f"{address}/sign-in")
        await page.fill("#key", KEY)
        await page.click("main button")
        paints = []
        for _ in range(7):
            await page.wait_for_timeout(PAUSE_SECONDS * 1000)
            await page.goto(address)
            painted = await page.wait_for_function(PAINTED)
            paints.append(float(await painted.json_value()))
        await browser.close()
    return paints


if __name__ == "__main__":
    main()
