"""Answers that have another form than a product's documents say."""

from typing import Any

import pytest

from datasources.databases.warehouse.errors import translated
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode


def cells(body: Any) -> list[Any]:
    """As askers read an answer that is no struct."""
    return [row.get("Data") for row in body["Rows"]]


@pytest.mark.parametrize("body", [{"Rows": 5}, {"Rows": [5]}, {"Rows": [None]}, {"Rows": {"a": 1}}, {}], ids=str)
def test_it_is_the_servers_fault(body: Any) -> None:
    """Whatever reading it raises here, from a key that is missing to a number in place of an object."""
    with pytest.raises(CheckError) as caught, translated("history"):
        cells(body)
    assert caught.value.code is ErrorCode.PROTOCOL_ERROR
