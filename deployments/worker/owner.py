"""Who has a flow run: it is written into the run's own history when it is taken up."""

import re

from msgspec import Struct
from prefect.client.schemas.objects import State, StateType

_TAKEN = re.compile(r"Taken by (?P<name>.*) \((?P<life>[0-9a-f]{8})\)")


class Owner(Struct, frozen=True):
    """A worker in one of its lives: it keeps its name when it is started again."""

    name: str
    life: str

    def __str__(self) -> str:
        return f"Taken by {self.name} ({self.life})"

    @classmethod
    def of(cls, states: list[State]) -> "Owner | None":
        """Who took up the run with this history last; None when it was another kind of worker."""
        for state in sorted(states, key=lambda state: state.timestamp, reverse=True):
            found = _TAKEN.fullmatch(state.message or "") if state.type is StateType.PENDING else None
            if found:
                return cls(found["name"], found["life"])
        return None
