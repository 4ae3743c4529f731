"""What MongoDB's collections say of themselves: pure readings, without a server."""

from typing import Any

import pytest

from datasources.databases.mongodb import catalog
from datasources.databases.mongodb.errors import CODES, translated
from datasources.databases.mongodb.model import MongodbOptions
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode


def view(pipeline: Any, on: Any = "base") -> catalog.Info:
    """A view as the server lists it."""
    return {"name": "seen", "type": "view", "options": {"viewOn": on, "pipeline": pipeline}}


@pytest.mark.parametrize(
    ("pipeline", "read"),
    [
        ([], ["shop.base"]),
        ([{"$match": {"$lookup": {"from": "no"}}}], ["shop.base"]),
        ([{"$lookup": {"from": "a", "as": "x"}}], ["shop.base", "shop.a"]),
        ([{"$lookup": {"from": {"db": "other", "coll": "a"}, "as": "x"}}], ["shop.base", "other.a"]),
        ([{"$lookup": {"as": "x", "pipeline": [{"$documents": []}, {"$unionWith": "b"}]}}], ["shop.base", "shop.b"]),
        ([{"$unionWith": "a"}, {"$unionWith": {"coll": "b", "pipeline": [{"$lookup": {"from": "c"}}]}}],
         ["shop.base", "shop.a", "shop.b", "shop.c"]),
        ([{"$unionWith": {"db": "other", "coll": "a"}}], ["shop.base", "other.a"]),
        ([{"$graphLookup": {"from": "a"}}], ["shop.base", "shop.a"]),
        ([{"$facet": {"x": [{"$unionWith": "a"}], "y": [{"$count": "n"}]}}], ["shop.base", "shop.a"]),
        ([{"$lookup": {"from": "base"}}], ["shop.base"]),
    ],
)  # fmt: skip
def test_lineage(pipeline: Any, read: list[str]) -> None:
    """Every collection that a pipeline names, once, and none that it does not read."""
    found = catalog.read_lineage("shop", [view(pipeline), {"name": "base", "type": "collection", "options": {}}])
    assert [str(edge.source) for edge in found.edges] == read
    assert {str(edge.target) for edge in found.edges} == {"shop.seen"}
    assert found.unread == []


@pytest.mark.parametrize("options", [{}, {"viewOn": "base"}, {"viewOn": 1, "pipeline": []}])
def test_a_view_that_cannot_be_read(options: dict[str, Any]) -> None:
    """It counts as unread, never as one without sources."""
    found = catalog.read_lineage("shop", [{"name": "seen", "type": "view", "options": options}])
    assert (found.edges, [str(name) for name in found.unread]) == ([], ["shop.seen"])


def test_hostile_shapes() -> None:
    """What a server may answer instead of a pipeline or a schema is no error of ours."""
    for stage in (None, 1, [], {"$lookup": None}, {"$unionWith": []}, {"$facet": [1]}, {"$lookup": {"from": 1}}):
        assert len(catalog.read_lineage("shop", [view([stage])]).edges) == 1
    for validator in (None, 1, {}, {"$jsonSchema": 1}, {"$jsonSchema": {"properties": []}}):
        assert catalog.schema_of({"options": {"validator": validator}}) is None
    assert catalog.declared_columns({"properties": {"a": None}})[0].type == "any"


def test_types_of_a_sample() -> None:
    """Each type that appears; null and absence make a field nullable."""
    found = catalog.sampled_columns([{"a": 1, "b": None}, {"a": "x", "b": 2.5, "c": None}, {"a": 1, "b": 1.0}])
    assert [(column.name, column.type, column.nullable) for column in found] == [
        ("a", "int | string", False),
        ("b", "double", True),
        ("c", "null", True),
    ]


@pytest.mark.parametrize("code", CODES)
def test_codes(code: int) -> None:
    """Each documented number has one meaning, with the server's own sentence."""
    errors = pytest.importorskip("pymongo.errors")
    with pytest.raises(CheckError) as caught, translated("read", "Prefix: "):
        raise errors.OperationFailure("driver's words", code, {"errmsg": "what the server says"})
    assert (caught.value.code, caught.value.message) == (CODES[code].code, "Prefix: what the server says")
    assert caught.value.details["mongodb_error"] == code
    assert caught.value.transient is CODES[code].transient


def test_other_numbers_are_the_questions_fault() -> None:
    """A number that is in no table, and an answer without one."""
    errors = pytest.importorskip("pymongo.errors")
    for code in (40324, None):
        with pytest.raises(CheckError) as caught, translated("read"):
            raise errors.OperationFailure("said", code)
        assert caught.value.code is ErrorCode.QUERY_ERROR


def test_databases_that_are_none() -> None:
    """A name that MongoDB would refuse is refused when the source is registered."""
    import msgspec

    for name in ("a.b", "a b", "$x", "a/b", "", "x" * 64, "a\n"):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"host": "h", "username": "u", "database": name}, MongodbOptions)
