"""Addresses of a running Ray cluster, and the command that accepts each kind."""

from urllib.parse import urlsplit

from raytemplate.errors import UsageError

JOBS_EXAMPLE = "http://head:8265"


def is_jobs_api(address: str) -> bool:
    """Whether the address is a cluster's Jobs API; otherwise it is a Ray that a process on this machine drives."""
    return address.startswith(("http://", "https://"))


def command_for(address: str) -> str:
    """The command that executes a plan at an address; "" means a Ray that the run starts itself."""
    return "submit" if is_jobs_api(address) else "run"


def refuse_jobs_api(address: str, submit: str) -> None:
    """Refuse an address that this process cannot drive: a Jobs API, or neither of the two kinds.

    Args:
        submit: the command that would send the work to a Jobs API.

    Raises:
        UsageError: the address is not "", auto or host:port.
    """
    if "://" not in address:
        return
    then = submit if is_jobs_api(address) else f"--address HOST:PORT, or submit with {JOBS_EXAMPLE}"
    raise UsageError(f"--address {address}: expected auto or host:port of a Ray that runs here", next_step=then)


def refuse_other_than_jobs_api(address: str) -> None:
    """Refuse an address that does not accept jobs.

    Raises:
        UsageError: not the http(s) address of a Jobs API, or one with a password in it.
    """
    try:
        parts = urlsplit(address)
        if is_jobs_api(address) and parts.hostname and "@" not in address and parts.port != 0:
            return
    except ValueError:  # such as a port that is not a number
        pass
    raise UsageError(f"--address: expected the Jobs API of a cluster without a password in it, such as {JOBS_EXAMPLE}")
