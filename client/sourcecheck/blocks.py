"""Blocks of Prefect, as the caller's own Prefect profile reaches them; needs the extra `prefect`."""

from typing import Any

from sourcecheck.errors import SourcecheckError

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


def read_block(kind: str, name: str) -> dict[str, Any]:
    """The data of a block, secrets included. Raises `SourcecheckError`."""
    try:
        from prefect.client.orchestration import get_client
        from prefect.exceptions import ObjectNotFound
    except ModuleNotFoundError as error:
        raise SourcecheckError(NEEDED) from error
    try:
        with get_client(sync_client=True) as client:
            data: dict[str, Any] = client.read_block_document_by_name(name, kind, include_secrets=True).data
    except ObjectNotFound as error:
        raise SourcecheckError(f"Prefect has no block {kind}/{name}") from error
    except Exception as error:  # whatever its client makes of a server that does not answer
        raise SourcecheckError(f"Prefect does not answer: {type(error).__name__}: {error}") from error
    return data
