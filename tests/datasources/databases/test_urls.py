"""A database's URL as a source, by the rules of its options."""

import msgspec
import pytest

from datasources.databases import DATABASES
from datasources.databases.urls import options_from_url, source_from_url

SHOP = {"host": "db.example", "port": 5432, "user": "me", "password": "p@ss#1", "dbname": "shop"}


@pytest.mark.parametrize(
    ("url", "kind", "options"),
    [
        ("postgresql://me:p%40ss%231@db.example/shop", "pg", SHOP),
        ("postgres://me:p%40ss%231@db.example:5432/shop", "pg", SHOP),
        ("postgresql+psycopg://me:p%40ss%231@DB.example/shop?sslmode=require", "pg", SHOP | {"sslmode": "require"}),
        ("postgresql://db.example/shop?user=me&password=p%40ss%231&port=5432", "pg", SHOP),
        ("pg://me@[::1]:6432/a%20b", "pg", {"host": "::1", "port": 6432, "user": "me", "dbname": "a b"}),
        ("mysql+pymysql://me:x@db.example/shop", "mysql", {"host": "db.example", "port": 3306, "db": "shop"}),
        ("mariadb://me@db.example:3307/shop?passwd=x", "mariadb", {"port": 3307, "password": "x"}),
        ("sqlite:///shop.db", "sqlite", {"path": "shop.db"}),
        ("sqlite:////var/lib/shop%3F.db", "sqlite", {"path": "/var/lib/shop?.db"}),
        ("duckdb:///shop.duckdb", "duckdb", {"path": "shop.duckdb"}),
    ],
)
def test_what_a_url_means(url: str, kind: str, options: dict[str, object]) -> None:
    """User, password, host, port and database from their places, options from the parameters."""
    source = source_from_url(url)
    assert source.__struct_config__.tag == kind
    found = msgspec.to_builtins(source.options)
    assert {name: found[name] for name in options} == options


def test_limits_and_the_temporary_schema_are_parameters_too() -> None:
    """They are fields of the source; what stands beside the URL counts as if it were in it."""
    source = source_from_url("postgresql://me@db.example/shop?connect_timeout=3", {"temp_schema": "scratch"})
    assert (source.connection_timeout, source.temp_schema) == (3, "scratch")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgressql://me@h/d", "not a type of database"),
        ("db.example/shop", "begins with the type"),
        ("postgresql://me:hidden@h/d?sslmod=require", "unknown parameter 'sslmod' of PostgreSQL .did you mean sslmode"),
        ("postgresql://me:hidden@h/d?options=-c%20x", "unknown parameter 'options'"),
        ("postgresql://me:hidden@h/d?service=x", "unknown parameter 'service'"),
        ("postgresql://me:hidden@h/d?user=you", "'user' is given twice"),
        ("postgresql://me:hidden@h/d?sslmode", "cannot be read"),
        ("postgresql://me:hidden@h/d?sslmode=maybe", "sslmode"),
        ("postgresql://me:hid#den@h/d", "%23"),
        ("postgresql://me:hid/den@h/d", "cannot be read.*%2F"),
        ("postgresql://me:hidden@h:54x2/d", "cannot be read"),
        ("postgresql://me:hidden@h1:1,h2:2/d", "cannot be read"),
        ("postgresql://me:hidden@h", "has no dbname"),
        ("postgresql:///d", "has no host"),
        ("postgresql://%2Fvar%2Frun/d?user=me", "host"),
        ("sqlite://shop.db", "three slashes"),
        ("sqlite:///shop.db?mode=rwc", "unknown parameter 'mode'"),
    ],
)
def test_what_is_refused(url: str, sentence: str) -> None:
    """By its name, and without a secret."""
    with pytest.raises(ValueError, match=sentence) as refused:
        source_from_url(url)
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize("word", DATABASES)
def test_the_options_of_every_type(word: str) -> None:
    """Host, port, user, password and database under the type's own names, where it has them; a file is its path."""
    database = DATABASES[word]
    shown = database.options.shown_as
    if "file_path" in shown:
        assert options_from_url(f"{word}:///a/b.db", database) == {shown["file_path"]: "a/b.db"}
    elif "host" in shown:
        port, path = ":1234" if "port" in shown else "", "/shop" if "database_name" in shown else ""
        found = options_from_url(f"{word}://me:p%40ss@db.example{port}{path}", database)
        assert found[shown["host"]] == "db.example"
        assert {"me", "p@ss"} <= set(found.values())
        assert found.get(shown.get("database_name", ""), "shop") == "shop"
        assert found.get(shown.get("port", ""), 1234) == 1234


@pytest.mark.parametrize("word", DATABASES)
@pytest.mark.parametrize(
    "rest",
    [
        "h/d?options=x",
        "h/d?service=x",
        "h/d?hostaddr=1.2.3.4",
        "h:x/d",
        "[h/d",
        "h/d#x",
        "h/d?hostname=other",
        "h/d?=1",
        "h/d?via=1",
        "h/d?connection_timeout=1",
    ],
)
def test_what_a_type_has_no_option_for_is_refused(word: str, rest: str) -> None:
    """By a sentence that repeats no value; a parameter that is an option of the type is taken."""
    if rest.partition("?")[2].partition("=")[0] in DATABASES[word].options.__struct_fields__:
        assert options_from_url(f"{word}://me:canary@{rest}", DATABASES[word])
        return
    with pytest.raises(ValueError, match=r".") as caught:
        options_from_url(f"{word}://me:canary@{rest}", DATABASES[word])
    assert "canary" not in str(caught.value)
