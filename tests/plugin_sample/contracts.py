"""The contract of each kind, for the plug-ins of this package: `pytest contracts.py`, where it is installed."""

import pyarrow as pa

from raytemplate.testing.family_suite import FamilySuite
from raytemplate.testing.feature_suite import FeatureSuite
from raytemplate.testing.gate_suite import GateSuite
from raytemplate.testing.metric_suite import MetricSuite
from raytemplate.testing.search_suite import SearchSuite
from raytemplate.testing.source_suite import SourceSuite


class TestArrow(SourceSuite):
    source, ending = "arrow", ".arrow"

    def write(self, path, table):
        with pa.ipc.new_file(path, table.schema) as file:
            file.write_table(table, max_chunksize=4)


class TestCycle(FeatureSuite):
    kind = "cycle"
    settings = {"period": 360}
    values = [0.0, 90.0, None, 270.0, 359.0]
    unseen = [-1.0, 1e12]


class TestAdditive(FamilySuite):
    family = "additive"
    training = {"lr": 0.5}


class TestWape(MetricSuite):
    metric = "wape"


class TestSureLimit(GateSuite):
    gate = "sure-limit"
    passes = {"metric": "mae", "limit": 8}
    blocks = {"metric": "mae", "limit": 7}


class TestQuasiRandom(SearchSuite):
    search = "quasi-random"
