"""A key of `data.mask` that is another one than the champion's is told before anything is spent."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sample_inventory import CHAMPION, inventory, spec_of

from raytemplate.data.masking import Mask, masker_of
from raytemplate.models.saved import ABOUT, MASK, About
from raytemplate.planning.compile import compile as compile_plan
from raytemplate.planning.made_from import made_from
from raytemplate.planning.masks import has_other_key, mask_of
from raytemplate.records import codec
from raytemplate.records.codec import Settings

KEY, OTHER = "a key of 16 or more characters", "another key of 16 or more characters"
HASHED = {"data.mask.carrier": "hash", "data.mask_key": {"env": "K"}}
ABOUT_IT = About(
    name="m", family="", target="y", columns=("carrier",), keys=("flight",), epoch=1, plan_id="p", snapshot="s",
    seen_from=datetime(2024, 1, 1, tzinfo=UTC), seen_until=datetime(2024, 2, 1, tzinfo=UTC),
)  # fmt: skip


@pytest.fixture
def champion(tmp_path, monkeypatch):
    """The folder of a model whose rows were hashed with KEY, which is the key here."""
    monkeypatch.setenv("K", KEY)
    mask = Mask(rules=Settings({"carrier": "hash", "flight": "hash"}), key="secret:env:K")
    (tmp_path / ABOUT).write_bytes(codec.dumps(ABOUT_IT))
    (tmp_path / MASK).write_bytes(codec.dumps(replace(mask, key_id=masker_of(mask).key_id)))
    return tmp_path


def test_only_another_key_of_a_column_that_it_needs_is_another(champion, monkeypatch):
    needs, knows = mask_of(spec_of(HASHED)), Mask(rules=Settings({"flight": "hash"}), key="secret:env:K")
    assert not has_other_key(champion, needs)
    monkeypatch.setenv("K", OTHER)
    assert has_other_key(champion, needs)
    assert not has_other_key(champion, knows) and not has_other_key(champion / "gone", needs)
    monkeypatch.delenv("K")
    assert not has_other_key(champion, needs)


def test_a_plan_says_that_the_gate_will_block_and_not_that_the_model_is_the_same():
    before = made_from(compile_plan(spec_of(HASHED), inventory(), "2013-06-01"))
    champion = replace(CHAMPION, other_key=True, made_from=before)
    govern = compile_plan(spec_of(HASHED), inventory(champion=champion), "2013-06-01").govern
    assert govern.skips == ("beats-champion will not pass: version 1 was trained with another data.mask_key",)
    assert govern.holds == ()
