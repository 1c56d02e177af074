"""What every node of a cluster must have before a run begins: each node is asked, its report is compared with the
driver's, and all problems are listed at once.
"""

import ipaddress
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree

from raytemplate import plugins
from raytemplate.data.sources.locations import joined, open_file
from raytemplate.data.sources.storage import Storage
from raytemplate.errors import RaytemplateError
from raytemplate.models.options import Family
from raytemplate.planning.environment import code_digest, environment
from raytemplate.planning.stages import RunPlan

_DRIVER, _NOT_WRITTEN = "driver", "cannot be written"
_CODE, _OURS = "code", "raytemplate"
_ALWAYS = ("python", "ray", "torch", "numpy", "pyarrow", _OURS)
_MANY = 2
"""Training workers from which on they must find each other by their nodes' names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What each node is asked."""

    folder: str
    """The run's folder, which every worker must see."""
    token: str
    """What this process has written there."""
    data: str
    """The first file that the plan reads; "" if the source has no files."""
    size_bytes: int
    """That file's size."""
    storage: Storage
    """How to reach the data's storage."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeReport:
    """What a node has found."""

    node: str
    """The node's address in Ray."""
    name: str = ""
    """Its host name."""
    folder: str = ""
    """What is wrong with the run's folder; "" if nothing is."""
    data: str = ""
    """What is wrong with the data; "" if nothing is."""
    addresses: tuple[str, ...] = ()
    """The addresses that its own host name resolves to on the node."""
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    """What it would run, by package."""
    error: str = ""
    """Why it has not answered; "" if it has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """One thing wrong with one node, and what to do about it."""

    node: str
    """The node's address, and its host name if known."""
    what: str
    """What is wrong."""
    remedy: str
    """What to do about it."""


def question(plan: RunPlan, folder: Path, token: str) -> Question:
    """What to ask before this plan is executed; `folder` is the run's folder."""
    first = plan.ingest.files[0]
    return Question(
        folder=str(folder.absolute()),
        token=token,
        data=joined(plan.ingest.root, first.path) if first.size_bytes else "",
        size_bytes=first.size_bytes,
        storage=plan.ingest.location.to(Storage),
    )


def versions() -> dict[str, str]:
    """The versions that this process would run."""
    from importlib.metadata import PackageNotFoundError, version

    found = environment() | {_CODE: code_digest()[:12]}
    with suppress(PackageNotFoundError):
        found[_OURS] = version(_OURS)
    return found


def packages_of(plan: RunPlan) -> tuple[str, ...]:
    """Packages that must have the same version everywhere, besides those that every run needs: the packages of each
    family that may be trained, including all families of a sweep, and of plug-ins.
    """
    stages = (plan.fit, *(plan.sweep.arms if plan.sweep else ()))
    families: list[Family] = [plugins.load(plugins.FAMILIES, stage.family) for stage in stages]
    return tuple(dict.fromkeys((*(name for family in families for name in family.packages), *plugins.packages())))


def report(node: str, asked: Question) -> NodeReport:
    """What this process finds on the node with that address."""
    name = socket.gethostname()
    return NodeReport(
        node=node,
        name=name,
        folder=_folder(asked, node),
        data=_data(asked),
        addresses=_addresses(name),
        versions=versions(),
    )


def _marks(folder: str, token: str) -> Path:
    return Path(folder) / f"preflight-{token}"


def leave_mark(folder: str, token: str) -> None:
    """Write what every node must find."""
    _marks(folder, token).mkdir()
    (_marks(folder, token) / _DRIVER).write_text(token)


def take_marks(folder: str, token: str, nodes: Sequence[str]) -> tuple[str, ...]:
    """The nodes whose own mark is not visible to this process; removes all marks."""
    marks = _marks(folder, token)
    with suppress(OSError):
        os.listdir(marks)  # makes a network file system refresh what it has cached of the folder
    lacking = tuple(node for node in nodes if not _holds(marks / _file(node), token))
    rmtree(marks, ignore_errors=True)
    return lacking


def _file(node: str) -> str:
    return node.replace(":", "_")


def _holds(path: Path, token: str) -> bool:
    try:
        return path.read_text() == token
    except OSError:
        return False


def _folder(asked: Question, node: str) -> str:
    marks = _marks(asked.folder, asked.token)
    try:
        if not Path(asked.folder).is_dir():
            return "is not there"
        if not _holds(marks / _DRIVER, asked.token):
            return "is a different folder there: it lacks the file that was written here"
        (marks / _file(node)).write_text(asked.token)
        return "" if _holds(marks / _file(node), asked.token) else "does not give back what was written to it"
    except OSError as error:
        return f"{_NOT_WRITTEN}: {error.strerror or error}"


def _data(asked: Question) -> str:
    if not asked.data:
        return ""
    try:
        with open_file(asked.data, asked.storage) as file:
            size = file.seek(0, os.SEEK_END)
    except RaytemplateError as error:
        return error.what.removeprefix(f"{asked.data}: ")
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    return "" if size == asked.size_bytes else f"has {size:,} bytes there and {asked.size_bytes:,} where it was planned"


def _addresses(name: str) -> tuple[str, ...]:
    with suppress(OSError):
        return tuple(
            dict.fromkeys(str(found[4][0]) for found in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM))
        )
    return ()


def problems(
    plan: RunPlan,
    reports: Sequence[NodeReport],
    here: Mapping[str, str],
    *,
    folder: str,
    unseen: Sequence[str] = (),
    unreached: Sequence[str] = (),
    needs: Sequence[str] = (),
) -> tuple[Trouble, ...]:
    """Everything that is wrong, in the order of the nodes.

    Args:
        here: the versions of the process that drives the run.
        folder: the run's folder, as messages name it.
        unseen: nodes whose mark the driver could not see.
        unreached: nodes that others could not reach at the address of their own name.
        needs: packages of the model's family, besides those that every run needs.
    """
    # Several raylets on one machine: its name, and loopback too, leads to all of them.
    together = len(reports) > 1 and len({(report.node, report.name) for report in reports}) == 1
    found: list[Trouble] = []
    for one in sorted(reports, key=lambda report: report.node):
        node = f"node {one.node}{f' ({one.name})' if one.name else ''}"
        if one.error:
            found.append(Trouble(node=node, what=one.error, remedy=_mend(one, here)))
            continue
        told = [*_seen(one, plan, folder, one.node in unseen), *_named(one, plan, one.node in unreached, together)]
        told += _versions(one, here, needs)
        found += [Trouble(node=node, what=what, remedy=remedy) for what, remedy in told]
    return tuple(found)


def _mend(one: NodeReport, here: Mapping[str, str]) -> str:
    if "No module named" in one.error:
        return f"install {_OURS} {here.get(_OURS, '')} there, with all that is installed here"
    return "mend or end that node (ray status)"


def _seen(one: NodeReport, plan: RunPlan, folder: str, unseen: bool) -> Iterator[tuple[str, str]]:
    what = one.folder or ("does not show here what was written there" if unseen else "")
    if what:
        write = " and write to it" if what.startswith(_NOT_WRITTEN) else ""
        yield f"{folder} {what}", f"let every node see that folder under the same path{write}"
    if one.data:
        data = joined(plan.ingest.root, plan.ingest.files[0].path)
        yield f"the data, {data}: {one.data}", "set data.source to a location that every node sees"


def _named(one: NodeReport, plan: RunPlan, unreached: bool, together: bool) -> Iterator[tuple[str, str]]:
    workers = max(plan.fit.workers, plan.sweep.workers if plan.sweep else 0)
    remedy = f"let {one.name} be {one.node} in its /etc/hosts or in the name service"
    if workers and not one.addresses:
        yield f"its own name, {one.name}, has no address there", remedy
    elif workers >= _MANY and (unreached or (not together and all(_is_loopback(address) for address in one.addresses))):
        yield f"its own name, {one.name}, is {one.addresses[0]} there, where other nodes do not reach it", remedy


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def _versions(one: NodeReport, here: Mapping[str, str], needs: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in dict.fromkeys((*_ALWAYS, *needs)):
        ours, theirs = _plain(name, here), _plain(name, one.versions)
        if ours and ours != theirs:
            step = f"pip install {name}=={ours} there" if name != "python" else f"install Python {ours} there"
            yield f"{name} {theirs or 'is not installed'}, here it is {ours}", step
    if here.get(_OURS) == one.versions.get(_OURS) and here.get(_CODE) != one.versions.get(_CODE):
        yield f"{_OURS} {here.get(_OURS, '')} has other code there than here", "install the same wheel on both"


def _plain(name: str, found: Mapping[str, str]) -> str:
    """A version without its build tag ("+cpu"); for Python, only major and minor."""
    version = (found.get(name) or found.get(f"{name}-cpu", "")).partition("+")[0]
    return ".".join(version.split(".")[:2]) if name == "python" else version


def to_connect(reports: Sequence[NodeReport]) -> tuple[tuple[str, str], ...]:
    """Nodes whose own name resolves neither to their address in Ray nor to loopback: whether others reach it must be
    tried."""
    return tuple(
        (one.node, one.addresses[0])
        for one in reports
        if one.addresses and one.node not in one.addresses and not all(map(_is_loopback, one.addresses))
    )
