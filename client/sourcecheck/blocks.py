"""Blocks of Prefect, as the caller's own Prefect profile reaches them; needs the extra `prefect`."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from msgspec import Struct

from sourcecheck.errors import SourcecheckError

OWN_KIND = "sourcecheck-data-source"
"""The slug of our own type of block, `sourcecheck.prefect.DataSource`."""
MOST = 200
"""Blocks of one type that are read."""
NEEDED = "Prefect is not installed here: pip install 'sourcecheck-client[prefect]'"


def read_field(path: str) -> str:
    """The text of `TYPE/NAME` (the value of a Secret) or `TYPE/NAME/FIELD`. Raises `SourcecheckError`."""
    kind, _, rest = path.partition("/")
    name, _, field = rest.partition("/")
    if not kind or not name:
        raise SourcecheckError(f"{path!r} does not name a block: prefect-block:TYPE/NAME, such as secret/shop-password")
    found: Any = read_block(kind, name)
    for step in (field or "value").split("/"):
        found = found.get(step) if isinstance(found, dict) else None
    if not isinstance(found, str | int | float) or isinstance(found, bool):
        raise SourcecheckError(f"the block {kind}/{name} has no text {field or 'value'!r}")
    return str(found)


class Block(Struct, frozen=True):
    """One block: its name, the slug of its type, and its data, secrets included."""

    name: str
    kind: str
    data: dict[str, Any]

    def __repr__(self) -> str:
        return f"Block(name={self.name!r}, kind={self.kind!r})"


def list_blocks(kinds: Iterable[str]) -> list[Block]:
    """Every block of these types, by name. Raises `SourcecheckError`."""
    found = []
    with _prefect() as client:
        from prefect.exceptions import ObjectNotFound

        for kind in kinds:
            with suppress(ObjectNotFound):  # no block of this type was ever made there
                documents = client.read_block_documents_by_type(kind, limit=MOST, include_secrets=True)
                found += [Block(document.name or "", kind, document.data) for document in documents]
    return sorted(found, key=lambda block: block.name)


def read_block(kind: str, name: str) -> dict[str, Any]:
    """The data of a block, secrets included. Raises `SourcecheckError`."""
    with _prefect() as client:
        data: dict[str, Any] = client.read_block_document_by_name(name, kind, include_secrets=True).data
    return data


@contextmanager
def _prefect() -> Iterator[Any]:
    """Prefect's client. Raises `SourcecheckError` for what it raises."""
    try:
        from prefect.client.orchestration import get_client
        from prefect.exceptions import ObjectNotFound
    except ModuleNotFoundError as error:
        raise SourcecheckError(NEEDED) from error
    try:
        with get_client(sync_client=True) as client:
            yield client
    except ObjectNotFound as error:
        raise SourcecheckError("Prefect has no such block") from error
    except Exception as error:  # whatever its client makes of a server that does not answer
        raise SourcecheckError(f"Prefect does not answer: {type(error).__name__}: {error}") from error
