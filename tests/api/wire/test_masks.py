"""A mask is no secret, in whichever field of whichever database it comes back (security row 9)."""

import pytest

from api.wire.errors import Invalid
from api.wire.registration import parse
from datasources.databases import DATABASES

SECRETS = [(word, name) for word, kind in DATABASES.items() for name in kind.options.secret_fields]


@pytest.mark.parametrize(("word", "name"), SECRETS)
@pytest.mark.parametrize("mask", ["***", "<hidden>"])
def test_a_mask_is_refused_in_every_secret(word: str, name: str, mask: str) -> None:
    """Also in those whose names are no word for a secret: keys, and secrets of applications."""
    with pytest.raises(Invalid) as caught:
        parse({"name": "Masked", "type": word, "options": {name: mask}})
    assert caught.value.errors[0]["loc"] == ["body", "options", name]
    assert "mask" in caught.value.sentence
