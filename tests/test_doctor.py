"""`raytemplate doctor`: what is installed and what works on this machine."""

from importlib import metadata

from packaging.requirements import Requirement

from raytemplate.api.doctor import _package, _room, doctor
from raytemplate.reports.doctor_shown import doctor_text


def test_all_that_a_run_needs_is_here(tmp_path):
    found = doctor(workspace=str(tmp_path), start_ray=False)
    assert [one for one in found if one.state == "bad"] == []
    assert {"ray", "torch", "mlflow", "xgboost", "disk of Ray", "clock"} <= {one.name for one in found}
    assert doctor_text(found).endswith("Everything a run needs is here.\n  raytemplate init demo --example flights")
    assert list(tmp_path.iterdir()) == []


def test_a_package_that_is_missing_or_too_old_comes_with_the_command_that_installs_it():
    absent, old = _package(Requirement("no-such-package>=2")), _package(Requirement("click>=900"))
    assert (absent.state, absent.found, absent.next_step) == (
        "bad", "not installed", "pip install 'no-such-package>=2'",
    )  # fmt: skip
    assert old.found == f"{metadata.version('click')}, expected >=900"
    assert "1 problem: see" in doctor_text([old])


def test_too_little_disk_is_a_problem(tmp_path):
    found = _room("disk", tmp_path / "not" / "there", 10**18, "free some")
    assert found.state == "bad" and found.found.endswith(f"in {tmp_path}, expected at least 1000000 TB")
