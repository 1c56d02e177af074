"""Addresses of a Ray that already runs, and the command that takes each."""

from urllib.parse import urlsplit

from raytemplate.errors import UsageError

JOBS_EXAMPLE = "http://head:8265"


def is_jobs_api(address: str) -> bool:
    """Whether it is where a cluster takes jobs; else it is a Ray that a process of this machine drives."""
    return address.startswith(("http://", "https://"))


def command_for(address: str) -> str:
    """The command that executes a plan at an address; "" is a Ray of the run's own."""
    return "submit" if is_jobs_api(address) else "run"


def refuse_jobs_api(address: str, submit: str) -> None:
    """Stop before a Ray that only takes jobs, or whose address is of neither kind, is driven from here.

    Args:
        submit: the command that would send the work there.

    Raises:
        UsageError: not "", auto or host:port.
    """
    if "://" not in address:
        return
    then = submit if is_jobs_api(address) else f"--address HOST:PORT, or submit with {JOBS_EXAMPLE}"
    raise UsageError(f"--address {address}: expected auto or host:port of a Ray that runs here", next_step=then)


def refuse_other_than_jobs_api(address: str) -> None:
    """Stop before an address that takes no jobs is asked for some.

    Raises:
        UsageError: not the http(s) address of a Jobs API, or one with a password in it.
    """
    try:
        parts = urlsplit(address)
        if is_jobs_api(address) and parts.hostname and "@" not in address and parts.port != 0:
            return
    except ValueError:  # such as a port that is no number
        pass
    raise UsageError(f"--address: expected the Jobs API of a cluster without a password in it, such as {JOBS_EXAMPLE}")
