"""Makes all metrics point the same way: less is better."""


def loss(value: float, *, higher_is_better: bool) -> float:
    """A metric's value with its sign chosen so that less is better. Applied to a loss it restores the value."""
    return -value if higher_is_better else value
