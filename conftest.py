"""Fixtures for real services live in `tests/fixtures/`; this file only names them."""

import pytest
from hypothesis import settings

pytest.register_assert_rewrite("tests.datasources.databases")  # the contracts: each says what it found

pytest_plugins = [
    "tests.fixtures.skips",
    "tests.fixtures.servers.database",
    "tests.fixtures.service",
    "tests.fixtures.intruder",
    "tests.fixtures.servers.ssh",
    "tests.fixtures.acceptance",
    "tests.fixtures.catalogue",
    "tests.fixtures.servers.pooler",
    "tests.fixtures.alerts",
    "tests.fixtures.api",
    "tests.fixtures.pages",
    "tests.fixtures.files",
    "tests.fixtures.servers.mariadb",
    "tests.fixtures.servers.clickhouse",
    "tests.fixtures.wheel",
    "tests.fixtures.servers.prometheus",
]

# A busy machine is no failure, and each run tries the same examples: one that fails is about the change.
settings.register_profile("here", deadline=None, max_examples=60, derandomize=True)
settings.load_profile("here")
