"""Whether a cluster may grow. Ray has no public API for this, but the report that its autoscaler writes for
`ray status` names each node's type. If the autoscaler starts no nodes, each node is a type of its own."""

import json
from typing import Any

from raytemplate.engines.ray.private.switch import found

_STATUS = b"__autoscaling_status"
_FOUND = 200


def may_grow() -> bool:
    """Whether an autoscaler starts nodes of the cluster this process is connected to. False without private parts."""
    parts = found("ray.experimental.internal_kv:_internal_kv_get", "ray._private.state:state.get_cluster_config")
    if parts is None:
        return False
    read, config = parts
    report = json.loads(read(_STATUS) or b"{}").get("autoscaler_report") or {}
    return config() is not None or _starts_nodes(report.get("node_type_mapping"))


def may_grow_there(client: Any) -> bool:
    """The same for the cluster that this client of the Jobs API talks to.

    Raises:
        Whatever the client raises: nothing answers.
    """
    if found("ray.job_submission:JobSubmissionClient._do_request") is None:
        return False
    answer = client._do_request("GET", "/api/cluster_status")
    if answer.status_code != _FOUND:
        return False
    status = answer.json()["data"].get("clusterStatus") or {}
    return _starts_nodes((status.get("autoscalerReport") or {}).get("nodeTypeMapping"))


def _starts_nodes(kinds: dict[str, str] | None) -> bool:
    """Whether any node's type is not its own.

    Args:
        kinds: the address of a node -> its type.
    """
    return any(kind != f"node_{node}" for node, kind in (kinds or {}).items())
