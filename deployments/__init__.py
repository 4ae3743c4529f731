"""How it runs. Whatever runs by it remembers which time zones there are."""

import functools
import zoneinfo

# Prefect 3.8.8 walks through the files of all time zones once for each schedule it reads: most of what its
# server does with a hundred schedules. They do not change while a process runs.
zoneinfo.available_timezones = functools.cache(zoneinfo.available_timezones)
