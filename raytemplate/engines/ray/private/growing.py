"""Whether a cluster may grow. Ray tells it nowhere: what its autoscaler leaves for `ray status` says which kinds of
nodes it may start, and one that starts none calls each node a kind of its own."""

import json
from typing import Any

from raytemplate.engines.ray.private.switch import found

_STATUS = b"__autoscaling_status"


def may_grow() -> bool:
    """Whether an autoscaler starts nodes of the cluster this process is connected to. Without private parts: no."""
    parts = found("ray.experimental.internal_kv:_internal_kv_get", "ray._private.state:state.get_cluster_config")
    if parts is None:
        return False
    read, config = parts
    status: dict[str, Any] = json.loads(read(_STATUS) or b"{}")
    report: dict[str, Any] = status.get("autoscaler_report") or {}
    kinds: dict[str, str] = report.get("node_type_mapping") or {}
    return config() is not None or any(kind != f"node_{node}" for node, kind in kinds.items())
