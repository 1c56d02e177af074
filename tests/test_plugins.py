"""Plug-ins of installed packages: found by name, refused with their package's name, kept from breaking others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from raytemplate import plugins
from raytemplate.errors import SpecError
from raytemplate.evaluation.metrics.metric import metrics_for
from raytemplate.plugins import PluginError
from raytemplate.spec.load import load

ROOT = Path(__file__).parent.parent
TEMPLATE = ROOT / "configs" / "flights-air-time.yaml"
PAGE, SAMPLE = ROOT / "docs" / "plug-ins.md", ROOT / "tests" / "plugin_sample"
NARROW = """
from raytemplate.governance.options import GateOptions

class Narrow(GateOptions):
    def check(self, evidence): ...
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Offers plug-ins like an installed package: `site(package, {group: {name: target}}, code of its module)`."""

    def install(package, offers, code="", version="1.0"):
        module = package.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(code)
        about = tmp_path / f"{module}-{version}.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        lines = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in names.items()) for group, names in offers.items()]
        (about / "entry_points.txt").write_text("\n".join(lines))
        plugins._installed.cache_clear()

    monkeypatch.syspath_prepend(str(tmp_path))
    plugins._installed.cache_clear()
    yield install
    plugins._installed.cache_clear()


def refused(group, name):
    with pytest.raises(PluginError) as error:
        plugins.load(group, name)
    return str(error.value)


def test_a_plug_in_of_a_package_is_loaded_by_its_name(site):
    site("one-gate", {plugins.GATES: {"narrow": "one_gate:Narrow"}}, NARROW)
    assert plugins.is_known(plugins.GATES, "narrow") and "narrow" in plugins.names(plugins.GATES)
    assert plugins.load(plugins.GATES, "narrow")().severity == "block"
    assert plugins.packages() == {"one-gate": "1.0"}


def test_an_unknown_name_gets_the_nearest_or_all_and_where_more_come_from(site):
    site("two-gate", {plugins.GATES: {"narrow": "two_gate:Narrow"}}, NARROW)
    assert refused(plugins.GATES, "narow") == 'no such gate: "narow"; did you mean narrow?'
    assert refused(plugins.SOURCES, "xyz") == (
        'no such format: "xyz"; there is csv, delta, jsonl, parquet, sql; others come with packages that offer them '
        "(docs/plug-ins.md)"
    )


def test_a_name_of_two_packages_is_nobodys(site):
    site("first", {plugins.METRICS: {"bias": "first:BIAS"}})
    site("second", {plugins.METRICS: {"bias": "second:BIAS"}}, version="2.1")
    assert refused(plugins.METRICS, "bias") == (
        'the metric "bias" is offered by first 1.0 and second 2.1; uninstall all but one of them'
    )


def test_a_shipped_name_cannot_be_taken(site):
    site("taker", {plugins.METRICS: {"mae": "taker:MAE"}}, "MAE = None")
    assert plugins.load(plugins.METRICS, "mae").id == "mae"


def test_a_plug_in_that_cannot_be_imported_names_its_package(site):
    site("broken", {plugins.FAMILIES: {"deep": "broken:FAMILY"}}, "import a_library_that_is_not_here")
    assert refused(plugins.FAMILIES, "deep") == (
        'the family "deep" of broken 1.0 (broken:FAMILY) cannot be imported: '
        "ModuleNotFoundError: No module named 'a_library_that_is_not_here'"
    )


def test_a_bug_is_of_the_package_whose_code_raised_it(site):
    code = f"{NARROW}\n    def count(self): return sorted([self, 1])"
    site("five-gate", {plugins.GATES: {"narrow": "five_gate:Narrow"}}, code)
    with pytest.raises(TypeError) as theirs:
        plugins.load(plugins.GATES, "narrow")().count()
    assert plugins.raised_in(theirs.value) == "five-gate 1.0"
    with pytest.raises(KeyError) as ours:
        plugins.names("no such group")
    assert plugins.raised_in(ours.value) is None


def test_what_is_no_plug_in_says_what_it_lacks(site):
    site("wrong", {plugins.GATES: {"odd": "wrong:Odd"}}, "class Odd: model_fields = {}")
    assert refused(plugins.GATES, "odd") == (
        'the gate "odd" of wrong 1.0 (wrong:Odd) is not a gate: it has no check (docs/plug-ins.md)'
    )


def test_a_broken_plug_in_that_nobody_asked_for_is_in_nobodys_way(site):
    site(
        "bad", {group: {"zzz": "bad:X"} for group in (plugins.SOURCES, plugins.METRICS)}, "raise OSError('no licence')"
    )
    assert list(plugins.every(plugins.SOURCES)) == ["parquet", "csv", "jsonl", "delta", "sql"]
    assert "mae" in metrics_for("regression") and "zzz" not in metrics_for("regression")


def test_check_places_every_problem_with_plug_ins(site):
    site(
        "bad-ones",
        {
            plugins.METRICS: {"zzz": "bad_ones:X"},
            plugins.GATES: {"strange": "bad_ones:X"},
            plugins.FEATURES: {"odd": "bad_ones:X"},
        },
        "raise OSError('no licence')",
    )
    wrong = {
        "evaluation.also": ["rmse", "zzz"], "governance.gates.strange": {}, "features.columns.temp": {"kind": "odd"},
        "data.format": "parqet",
    }  # fmt: skip
    with pytest.raises(SpecError) as error:
        load(TEMPLATE, overrides=wrong, environ={})
    found = {problem.path: problem.message for problem in error.value.problems}
    assert found.pop("data.format") == 'no such format: "parqet"; did you mean parquet?'
    assert set(found) == {"evaluation.also", "governance.gates.strange", "features.columns.temp.kind"}
    assert all("of bad-ones 1.0 (bad_ones:X) cannot be imported: OSError: no licence" in m for m in found.values())


def test_the_page_shows_the_sample_as_it_is():
    blocks = re.findall(r"```\w+\n(.*?)```", PAGE.read_text(), re.DOTALL)
    files = [path.read_text() for path in SAMPLE.rglob("*") if path.suffix in (".py", ".toml", ".yaml")]
    assert len(blocks) >= 6
    assert [block for block in blocks if not any(block.strip() in text for text in files)] == []


def test_names_are_told_so_that_they_can_be_told_apart():
    assert plugins.suggest("total amout", ("total amount", "x")) == 'did you mean "total amount"?'
    assert plugins.suggest("zzz", ("a b", "c,d", "größe", "e.f")) == 'there is "a b", "c,d", größe, e.f'
    many = tuple(f"f{number}" for number in range(9_000))
    assert plugins.suggest("zzz", many).endswith("f28, f29 and 8,970 more")
