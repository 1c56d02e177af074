"""A job that fails unexpectedly is reported as a bug by the command, with a traceback and the package to blame."""

from raytemplate.conducting import job, submitted
from raytemplate.engines.ray.jobs.client import JobState
from raytemplate.errors import Bug


def test_a_bug_in_a_job_is_told_as_a_bug_where_it_is_followed(monkeypatch, capsys):
    def work(*_):
        raise KeyError("of ours")

    monkeypatch.setattr(job, "work", work)
    assert job._run("storage", "k7q2") == 1
    heard = submitted.failure(
        JobState(status="FAILED", message="", run_id="k7q2"), capsys.readouterr().out, "k7q2", None
    )
    assert type(heard) is Bug and heard.exit_code == 1
    assert heard.what.startswith("Traceback") and heard.what.endswith("KeyError: 'of ours'")
    assert heard.next_step == "This is a bug in raytemplate. Please report the lines above."
