"""The form of a source: from the published schema to the body that the API takes, and from what people paste."""

from typing import Any

import msgspec
import pytest

from api.pages.forms import problems
from api.pages.source_form import body_from, fields_of, titles_of, tunnel_fields, values_from_dbt, values_from_url
from api.wire.errors import Invalid
from api.wire.registration import parse
from datasources.catalogue.tables import DataSource
from datasources.databases import DATABASES
from datasources.model.source import NetworkOptions

GIVEN = {
    "name": "Shop",
    "options.host": "db.example",
    "options.port": "5433",
    "options.user": "me",
    "options.password": " a secret with blanks ",
    "options.dbname": "shop",
    "options.sslmode": "require",
    "tags": "prod, eu ,",
}
PROFILES = """
shop:
  target: dev
  outputs:
    dev:
      type: postgres
      host: db.example
      user: me
      pass: "{{ env_var('SHOP_PASSWORD') }}"
      dbname: shop
      schema: scratch
      sslrootcert: /etc/hosts
"""


def body(form: dict[str, Any], word: str = "pg", row: DataSource | None = None) -> dict[str, Any]:
    """What the form sends."""
    found: dict[str, Any] = msgspec.json.decode(body_from(form, DATABASES[word], row))
    return found


@pytest.mark.parametrize("word", sorted(DATABASES))
def test_every_type_has_a_form(word: str) -> None:
    """Each option once, secrets never in clear, and the fields of a tunnel where there can be one."""
    fields = fields_of(DATABASES[word], {})
    assert [field.name.removeprefix("options.") for field in fields] == list(
        DATABASES[word].options.__struct_encode_fields__
    )
    assert all(field.kind in ("password", "area") for field in fields if field.secret)
    assert bool(tunnel_fields(DATABASES[word], {})) is issubclass(DATABASES[word].options, NetworkOptions)


def test_a_form_is_a_source() -> None:
    """Numbers are numbers, secrets keep their blanks, and what is empty is left out."""
    given = body(GIVEN)
    source, fields = parse(given)
    assert (source.name, source.options.target) == ("Shop", ("db.example", 5433))
    assert given["options"]["password"] == " a secret with blanks "
    assert fields["tags"] == ["prod", "eu"]
    assert "temp_schema" not in given
    assert "ssh_tunnel" not in given


def test_a_tunnel_begins_with_its_host() -> None:
    """Without a host there is none."""
    assert "ssh_tunnel" not in body(GIVEN | {"ssh_tunnel.port": "22", "ssh_tunnel.username": "x"})
    tunnel = body(GIVEN | {"ssh_tunnel.host": "gw", "ssh_tunnel.port": "22", "ssh_tunnel.username": "x"})["ssh_tunnel"]
    assert tunnel == {"host": "gw", "port": 22, "username": "x"}


def test_a_change_keeps_secrets_and_empties_fields() -> None:
    """An empty secret is not sent; a field that is emptied is sent as its default."""
    row = DataSource(
        name="Shop", type="pg", options={"host": "h", "user": "me", "dbname": "d", "role": "r", "port": 5433}, fields={}
    )
    changed = body({"name": "Shop", "options.host": "h", "options.user": "me", "options.dbname": "d"}, row=row)
    assert changed["options"] == {
        "host": "h",
        "user": "me",
        "dbname": "d",
        "role": None,
        "port": 5432,
        "allow_cleartext_password": False,
    }
    assert "type" not in changed


def test_what_is_wrong_is_told_at_its_field() -> None:
    """By the same way from the body as the API tells it."""
    with pytest.raises(Invalid) as raised:
        parse(body(GIVEN | {"options.port": "many"}))
    assert list(problems(raised.value)) == ["options.port"]


def test_a_connection_string() -> None:
    """Taken apart by the rules of `sourcecheck try`."""
    word, values = values_from_url("postgresql://me:s%40cret@db.example:5433/shop?sslmode=require")
    assert word == "pg"
    assert values["options.password"] == "s@cret"
    assert (values["options.host"], values["options.port"], values["name"]) == ("db.example", 5433, "shop")
    with pytest.raises(ValueError, match="not a type of database"):
        values_from_url("gopher://me@host")


@pytest.mark.parametrize("cut", [0, 1, 4], ids=["profiles", "a profile", "a target"])
def test_a_profile_of_dbt(cut: int) -> None:
    """All of it, one profile or one target; what dbt reads from elsewhere stays empty, and no file is read."""
    lines = PROFILES.strip().splitlines()[cut:] if cut != 4 else PROFILES.strip().splitlines()[4:]
    word, values = values_from_dbt("\n".join(lines))
    assert word == "pg"
    assert (values["options.host"], values["options.dbname"], values["temp_schema"]) == (
        "db.example",
        "shop",
        "scratch",
    )
    assert "options.password" not in values
    assert "options.rootcert" not in values


def levels(one: str, count: int) -> str:
    """A profile in which each level holds the one below it twice: a few lines that mean 2 to the power of `count`."""
    lines = ["b0: &b0 {x: y}", *(f"b{n}: &b{n} {one.format(n - 1)}" for n in range(1, count))]
    return "\n".join([*lines, "type: postgres", f"host: *b{count - 1}", "user: u", "dbname: d"])


@pytest.mark.parametrize(
    "text",
    [levels("[*b{0}, *b{0}]", 12), levels("{{<<: [*b{0}, *b{0}]}}", 12), "[" * 900, "type: postgres\n" + "#" * 20_000],
    ids=["aliases", "merged", "deep", "long"],
)
def test_a_paste_stays_small(text: str) -> None:
    """What would fill the memory, or take long to read, is refused before it does (security row 12)."""
    with pytest.raises(ValueError, match=r"too many YAML aliases|too long"):
        values_from_dbt(text)


@pytest.mark.parametrize("text", ["", "- a", "a: [", "shop: {outputs: {dev: {type: gopher}}}", "{}", "shop: 1"])
def test_what_is_none_is_told(text: str) -> None:
    """In a sentence."""
    with pytest.raises(ValueError, match=r"."):
        values_from_dbt(text)


def test_options_are_shown_by_their_titles() -> None:
    """As the form names them; a type that is no longer offered has none, and its page shows the names."""
    assert titles_of("pg")["dbname"] == "Database name"
    assert titles_of("gone") == {}


@pytest.mark.parametrize("word", ["mssql", "oracle", "sap_hana", "snowflake", "teradata"])
def test_a_user_that_no_one_has_typed_is_a_hint(word: str) -> None:
    """The published default is not in the field, and is what an empty field means, when it is emptied later as well."""
    (user,) = (field for field in fields_of(DATABASES[word], {}) if field.name == "options.user")
    assert (user.value, user.default) == (None, "DATAFOLD")
    assert "user" not in body({"name": "x", "options.host": "h"}, word)["options"]
    row = DataSource(name="x", type=word, options={"user": "me"}, fields={})
    assert body({"name": "x"}, word, row)["options"]["user"] == "DATAFOLD"
    (port,) = (field for field in fields_of(DATABASES["pg"], {}) if field.name == "options.port")
    assert port.value == port.default == 5432
