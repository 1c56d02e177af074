"""The promoter as the command sees it: one that died is said so, and is left without another error."""

import os
import signal

import pytest

from raytemplate.engines.promoter import PromoterProcess
from raytemplate.errors import EngineError
from raytemplate.execution.journal import Journal
from raytemplate.store.workspace import Workspace, create


def test_one_that_died_early_is_said_so_and_left_quietly(tmp_path):
    place = Workspace(tmp_path)
    create(place)
    promoter = PromoterProcess(place, "", tmp_path / "log", "ada")
    os.kill(promoter._process.pid, signal.SIGKILL)
    promoter._process.wait()
    with pytest.raises(EngineError, match="ended before it answered"):
        promoter.decide(Journal(tmp_path / "k7q2"))
    promoter.leave()
    promoter.close()
