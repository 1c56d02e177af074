"""Messages that Ray prints by itself during a run."""

import ray._private.worker as worker

from raytemplate.engines.ray.private.messages import to_stderr


def test_what_ray_tells_of_lost_machines_is_no_result(capsys, private_parts):
    to_stderr()
    to_stderr()
    data = {"lines": ["The node with node id 5f was marked dead"], "pid": "raylet", "is_err": False}
    worker.print_to_stdstream(data, ignore_prefix=False)
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("marked dead") == 1
    assert data["is_err"] is False
