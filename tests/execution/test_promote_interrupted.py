"""F24 in `promote`: the head has moved or it has not, and a person who interrupts what follows is told which."""

import signal
import time
from dataclasses import replace

import pytest
from command_line import start, wait_for
from deaf_server import deaf_server
from fake_runs import FakeRun

from raytemplate.execution.lock import write_lock
from raytemplate.records.promoted import PromotionRecord
from raytemplate.records.run import RunEnd
from raytemplate.testing.fakes import FakeEngine

pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "terminate"])
def test_f24_a_signal_after_the_promotion_says_that_it_is_done_and_leaves_a_whole_record(tmp_path, number, code):
    run = FakeRun(tmp_path, promotion="manual")
    run.execute(FakeEngine())
    assert (run.ledger.history(run.plan.name).term, run.journal.need(RunEnd).state) == (0, "held")
    with deaf_server() as port:
        plan = replace(run.plan, promote=replace(run.plan.promote, tracking_uri=f"http://127.0.0.1:{port}"))
        write_lock(run.journal, plan, None)
        process = start("promote", run.journal.run_id, cwd=tmp_path)
        wait_for(lambda: run.journal.need(RunEnd).state == "approved", process=process)
        began = time.monotonic()
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, time.monotonic() - began < 15) == (code, True), err
    assert "its candidate is the champion, version 1" in err
    assert run.ledger.head(run.plan.name).version == 1
    assert run.journal.need(PromotionRecord).outcome == "promoted"
