"""How often Python looks for cycles of objects."""

import gc

_NEW_OBJECTS = 10_000


def collect_rarely() -> None:
    """Make this process look for cycles at every 10,000th new object, not at every 700th.

    Libraries that are imported, and records of thousands of files, are many objects and hardly a cycle: looking for
    them takes a tenth of an import, and a fifth of a plan. This is for processes of our own: a notebook decides for
    itself.
    """
    gc.set_threshold(_NEW_OBJECTS)
