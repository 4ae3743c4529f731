"""When a source counts as failed, and when as active again."""

import msgspec
from msgspec import Struct


class Standing(Struct, frozen=True, kw_only=True):
    """What is known of a source before its next check."""

    status: str = "inactive"
    revision: int | None = None
    """The revision of the source that the status is about; None before its first check."""
    failures: int = 0
    """Failed checks in a row."""
    passes: int = 0
    """Passed checks in a row."""
    down_after: int = 3
    up_after: int = 2

    def after(self, *, passed: bool, revision: int) -> "Standing":
        """The standing after one more check, which was of this revision of the source.

        The first check decides at once. A source that was changed keeps its status until it has its full number of
        checks of the new revision. A check of an older one, that ended
        late, decides nothing. Otherwise so many in a row do.
        """
        if self.revision is not None and revision < self.revision:
            return self
        before = self if revision == self.revision else msgspec.structs.replace(self, failures=0, passes=0)
        failures, passes = (0, before.passes + 1) if passed else (before.failures + 1, 0)
        status = self.status
        if status not in ("active", "failed"):
            status = "active" if passed else "failed"
        elif status == "active" and failures >= self.down_after:
            status = "failed"
        elif status == "failed" and passes >= self.up_after:
            status = "active"
        return msgspec.structs.replace(self, status=status, revision=revision, failures=failures, passes=passes)


def alerts(was: str, became: str) -> bool:
    """Whether an alert is sent: when a source becomes failed, and when it no longer is."""
    return was != became and "failed" in (was, became)


def happened(was: str, became: str) -> str:
    """A change of state in words that follow the source's name.

    A source that was never checked before has not gone down, and one that passes may never have been up.
    """
    if became != "failed":
        return "came up"
    return "went down" if was == "active" else "has been down since its first check"
