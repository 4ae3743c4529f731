"""Lists that are answered as lines as well: one JSON object a line, where the query says `format=ndjson`."""

from litestar.openapi.spec import OpenAPI, OpenAPIMediaType, OpenAPIResponse, OpenAPIType, Parameter, Schema

from api.openapi.operations import operations
from api.wire.streams import LINES


def add_lines(document: OpenAPI) -> None:
    """Document the second form of each operation that has the parameter `format`."""
    for _, _, operation in operations(document):
        names = {parameter.name for parameter in operation.parameters or () if isinstance(parameter, Parameter)}
        answer = (operation.responses or {}).get("200")
        if "format" in names and isinstance(answer, OpenAPIResponse):
            lines = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING, description="One JSON object per line"))
            answer.content = {**(answer.content or {}), LINES: lines}
