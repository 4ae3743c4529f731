"""The OpenAPI document: what Litestar makes of the routes, and what it cannot know of them.

Names, sentences and tags stand beside the handlers. Added here: the schemas of sources by type (`sources`), an example
of each operation (`examples`), every error that comes from outside a handler (`errors`), and lists as lines (`lines`).
"""

from litestar.openapi.spec import OpenAPI

from api.openapi.config import documentation
from api.openapi.errors import add_common_errors
from api.openapi.examples import add_examples
from api.openapi.lines import add_lines
from api.openapi.maps import name_keys
from api.openapi.operations import parameters_of
from api.openapi.sources import SourceSchemas, add_source_schemas

__all__ = ["SourceSchemas", "complete", "documentation", "parameters_of"]


def complete(document: OpenAPI) -> None:
    """Add what Litestar cannot know, to the document that it serves."""
    add_source_schemas(document)
    name_keys(document)
    add_common_errors(document)
    add_examples(document)
    add_lines(document)
