"""One sense for all metrics."""


def loss(value: float, *, higher_is_better: bool) -> float:
    """A metric's value with its sign such that less is better. Of a loss it gives the value back."""
    return -value if higher_is_better else value
