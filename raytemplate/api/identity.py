"""The keys of this user: which there are, and new ones."""

from raytemplate.ledger import keys
from raytemplate.ledger.keys import LocalKey


def local_keys() -> tuple[LocalKey, ...]:
    """The keys of this user on this machine, first those in use. None are made.

    Raises:
        IntegrityError: a file is damaged, or others can read or replace it.
        UsageError: a file cannot be read by this user.
    """
    return keys.local_keys()


def new_key(*, promoter: bool = False) -> LocalKey:
    """A new key of this user, which signs from now on; the file of the one before is kept.

    Args:
        promoter: the key that signs events of ledgers, not the person's own.

    Raises:
        UsageError: the folder of the keys cannot be written.
    """
    return keys.new_key("promoter" if promoter else "identity")
