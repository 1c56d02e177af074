"""Trees that cannot be written, as on a full disk, give the system's own error, for which a run ends with code 8."""

import errno
from importlib import import_module

import numpy as np
import pytest


def lightgbm_booster(x):
    import lightgbm

    return lightgbm.train({"verbose": -1}, lightgbm.Dataset(x, x[:, 0]), 3)


def xgboost_booster(x):
    import xgboost

    return xgboost.train({}, xgboost.DMatrix(x, x[:, 0]), 3)


@pytest.mark.parametrize(
    ("family", "made"), [("lightgbm", lightgbm_booster), ("xgboost", xgboost_booster)], ids=["lightgbm", "xgboost"]
)
def test_trees_on_a_full_disk_are_an_error_of_the_disk(tmp_path, family, made):
    loop = import_module(f"raytemplate.models.{family}.loop")
    booster = made(np.random.default_rng(0).normal(size=(200, 2)))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / loop.TREES).symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as raised:
        loop.save(booster, tmp_path / "full")
    assert raised.value.errno == errno.ENOSPC
    loop.save(booster, tmp_path)
    booster.save_model(tmp_path / f"own-{loop.TREES}")
    assert (tmp_path / loop.TREES).read_bytes() == (tmp_path / f"own-{loop.TREES}").read_bytes()
