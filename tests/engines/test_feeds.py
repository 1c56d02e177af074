"""Where batches come from, where there is little to give."""

from raytemplate.engines.ray.feeds import StreamFeed


class Shard:
    """A rank's share of a stream that had too few blocks for it."""

    def iter_batches(self, **asked):
        return iter(())


def test_a_rank_of_a_stream_may_have_no_rows_at_all():
    feed = StreamFeed(
        {"train": Shard()}, widths=(3, 2), num_ranks=2, seed=0, buffer_rows=10, total=lambda number: number
    )  # fmt: skip
    rows = feed.arrays("train")
    assert (rows.dense.shape, rows.codes.shape, rows.target.shape, rows.num_rows_all_ranks) == ((0, 3), (0, 2), (0,), 0)
    assert list(feed.batches("train", epoch=1, batch_size=4)) == []
