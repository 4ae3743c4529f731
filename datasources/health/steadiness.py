"""Whether the catalogue has answered for so long that every live run could renew its claims."""

import time
from datetime import UTC, datetime, timedelta

STEADY_SECONDS = 12.0
"""For how long it has to have answered until claims that were not renewed count as lost: their owners, who renew them
every five seconds, could not."""
LONG = timedelta(days=1)


class Steadiness:
    """Keeps since when it has answered, as far as this process knows."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def disturb(self) -> None:
        """It has not answered just now."""
        self._since = time.monotonic()

    def lost_before(self) -> datetime:
        """Claims that ended before this moment have lost their owners: none, while the catalogue may just be back."""
        is_steady = time.monotonic() - self._since >= STEADY_SECONDS
        return datetime.now(UTC) - (timedelta() if is_steady else LONG)
