"""Fixtures for real services live in `tests/fix_*.py`; this file only names them."""

import pytest
from hypothesis import settings

pytest.register_assert_rewrite("tests.datasources.databases")  # the contracts: each says what it found

pytest_plugins = [
    "tests.fix_database",
    "tests.fix_service",
    "tests.fix_intruder",
    "tests.fix_ssh",
    "tests.fix_acceptance",
    "tests.fix_catalogue",
    "tests.fix_pooler",
    "tests.fix_alerts",
    "tests.fix_api",
    "tests.fix_pages",
    "tests.fix_files",
    "tests.fix_mariadb",
    "tests.fix_clickhouse",
    "tests.fix_wheel",
    "tests.fix_prometheus",
]

settings.register_profile("here", deadline=None, max_examples=60)  # a busy machine is no failure
settings.load_profile("here")
