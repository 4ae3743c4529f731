"""A server with many schedules does not look through all time zones for each of them."""

import subprocess
import sys

PROGRAM = """
import zoneinfo
from deployments.serve._prefect import remember_time_zones
remember_time_zones()
from datetime import timedelta
from prefect.server.schemas.schedules import IntervalSchedule
for _ in range(50):
    IntervalSchedule(interval=timedelta(seconds=60))
print(zoneinfo.available_timezones.cache_info().misses, zoneinfo.available_timezones.cache_info().hits >= 49)
"""


def test_time_zones_are_remembered() -> None:
    """Fifty schedules, one look."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == ["1", "True"]
