"""Response times in figures that can be added up: counts by bucket, sum, least and greatest."""

import math
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct, field

FACTOR = 1.1
"""Each bucket reaches this much further than the one before, so that a percentile is off by 5 % at most."""
LEAST = 0.01
"""Milliseconds; what is quicker falls into the first bucket."""


class Times(Struct, kw_only=True):
    """Some response times, in milliseconds."""

    buckets: dict[int, int] = field(default_factory=dict)
    """How many there are, by the number of the bucket."""
    sum: float = 0.0
    least: float | None = None
    greatest: float | None = None

    @classmethod
    def of(cls, values: Iterable[float]) -> "Times":
        """All of these."""
        found = cls()
        for value in values:
            found.add(value)
        return found

    @classmethod
    def read(cls, data: dict[str, Any]) -> "Times":
        """What `plain` wrote."""
        return msgspec.convert(data, cls, strict=False)

    def plain(self) -> dict[str, Any]:
        """As JSON keeps it."""
        found: dict[str, Any] = msgspec.to_builtins(self, str_keys=True)
        return found

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(self.buckets.values())

    @property
    def mean(self) -> float | None:
        """Their average; None of nothing."""
        return self.sum / self.count if self.buckets else None

    def add(self, value: float) -> None:
        """One more."""
        bucket = math.floor(math.log(max(value, LEAST) / LEAST, FACTOR))
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1
        self.sum += value
        self.least = value if self.least is None else min(self.least, value)
        self.greatest = value if self.greatest is None else max(self.greatest, value)

    def join(self, other: "Times") -> None:
        """Those of another one, too."""
        for bucket, count in other.buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + count
        self.sum += other.sum
        self.least = min((v for v in (self.least, other.least) if v is not None), default=None)
        self.greatest = max((v for v in (self.greatest, other.greatest) if v is not None), default=None)

    def percentile(self, share: float) -> float | None:
        """The least value that this share of all does not exceed (nearest rank), within 5 %; None of nothing."""
        if self.least is None or self.greatest is None:
            return None
        rank = max(1, math.ceil(share * self.count))
        seen = 0
        for bucket in sorted(self.buckets):
            seen += self.buckets[bucket]
            if seen >= rank:
                middle: float = LEAST * FACTOR ** (bucket + 0.5)
                return min(max(middle, self.least), self.greatest)
        return self.greatest
