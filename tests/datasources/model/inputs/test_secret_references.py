"""What is a reference to a secret, and which rule allows it where."""

import pytest

from datasources.model.inputs.secret_references import escaped, is_reference, is_variable_allowed, rules, unescaped


@pytest.mark.parametrize(
    ("text", "whether"),
    [
        ("env:SHOP_PASSWORD", True),
        ("env:shop", True),
        ("env:", False),
        ("env:SHOP PASSWORD", False),
        ("env:SHOP_PASSWORD\n", False),
        ("file:/run/secrets/shop", True),
        ("file:/run/secrets/..2026/shop", True),
        ("file:run/secrets/shop", False),
        ("file:/run/../etc/passwd", False),
        ("file:/run/./shop", False),
        ("file:/run//shop", False),
        ("file:/run/shop/..", False),
        ("file:/run/shop\x00", False),
        ("prefect-block:secret/shop", True),
        ("prefect-block:database-credentials/shop/connect_args/password", True),
        ("prefect-block:secret", False),
        ("vault:hashicorp/secret/data/shop#password", True),
        ("vault:hashicorp", False),
        ("secret:shop", False),
        ("a long password: env:SHOP", False),
        ("env:" + "A" * 1100, False),
    ],
)
def test_what_is_a_reference(text: str, whether: bool) -> None:
    """A whole text of this form; a path has no dots that lead elsewhere."""
    assert is_reference(text) is whether


@pytest.mark.parametrize("secret", ["env:SHOP", "literal:env:SHOP", "literal:literal:x", "literal:", "plain", ""])
def test_a_secret_that_looks_like_a_reference(secret: str) -> None:
    """Can be given, and is itself again."""
    assert unescaped(escaped(secret)) == secret
    assert not is_reference(escaped(secret))


@pytest.mark.parametrize(
    ("setting", "reference", "organization", "host", "whether"),
    [
        ("env:SHOP_*@db.example", "env:SHOP_PASSWORD", 1, "db.example", True),
        ("env:SHOP_*@db.example", "env:SHOP_PASSWORD", 1, "DB.example", True),
        ("env:SHOP_*@db.example", "env:SHOP_PASSWORD", 1, "evil.example", False),
        ("env:SHOP_*@db.example", "env:HOME", 1, "db.example", False),
        ("env:SHOP_*@*.example", "env:SHOP_A", 1, "db.example", True),
        ("env:SHOP_*@*.example", "env:SHOP_A", 1, "db.example.evil", False),
        ("2/env:SHOP_*@*", "env:SHOP_A", 2, "any", True),
        ("2/env:SHOP_*@*", "env:SHOP_A", 1, "any", False),
        ("file:/run/secrets/*@db", "file:/run/secrets/shop", 1, "db", True),
        ("file:/run/secrets/*@db", "file:/run/secrets/deeper/shop", 1, "db", False),
        ("file:/run/secrets/*@db", "file:/run/secrets.old", 1, "db", False),
        ("prefect-block:secret/shop-*@db", "prefect-block:secret/shop-a", 1, "db", True),
        ("prefect-block:secret/shop-*@db", "prefect-block:secret/shop-a/value", 1, "db", False),
        ("env:*@*", "env:SOURCECHECK_SECRET_KEYS", 1, "db", False),
        ("env:*@*", "env:PREFECT_API_AUTH_STRING", 1, "db", False),
        ("env:*@*", "env:OTHER", 1, None, True),
        ("env:*@db", "env:OTHER", 1, None, False),
        ("env:A@x env:A@db", "env:A", 1, "db", True),
        ("", "env:A", 1, "db", False),
    ],
)
def test_which_rule_allows_it(setting: str, reference: str, organization: int, host: str | None, whether: bool) -> None:
    """By reference, organization and host; the service's own variables never (security row 29)."""
    assert any(rule.allows(reference, organization, host) for rule in rules(setting)) is whether


@pytest.mark.parametrize("setting", ["env:A", "A@db", "env:@db", "*@*", "x/env:A@db", "env:A@db,env:B@db@c"])
def test_what_is_no_rule(setting: str) -> None:
    """A rule names the host: an operator says `*` who means any."""
    with pytest.raises(ValueError, match="is not a rule"):
        rules(setting)


def test_which_variables_a_run_is_told() -> None:
    """Those that a rule is about, and none of the service's own."""
    known = rules("env:SHOP_*@db env:SOURCECHECK_*@*")
    assert is_variable_allowed(known, "SHOP_A")
    assert not is_variable_allowed(known, "HOME")
    assert not is_variable_allowed(known, "SOURCECHECK_SECRET_KEYS")
