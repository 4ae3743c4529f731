"""A patch for Prefect's server: look once which time zones there are."""

import functools
import zoneinfo


def remember_time_zones() -> None:
    """Have the names of all time zones looked up once a process; call it before Prefect's server is imported.

    Prefect 3.8.8 walks through the files of all time zones once for each schedule it reads: most of what its server
    does with a hundred schedules. They do not change while a process runs.
    """
    zoneinfo.available_timezones = functools.cache(zoneinfo.available_timezones)
