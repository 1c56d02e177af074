"""Names of columns that are ours: those that `predict` writes beside the keys, and those of our own bookkeeping."""

PREDICTION, VERSION, PROBABILITY = "prediction", "model_version", "probability_"
"""`probability_` stands before the name of each of more than two classes."""

INTERNAL = "__raytemplate_"
"""What the names of columns begin with that travel with rows inside a run."""


def is_written(column: str, task: str) -> bool:
    """Whether `predict` writes, or for classes that are not known yet may write, a column of that name itself."""
    return column in (PREDICTION, VERSION) or (task == "multiclass" and column.startswith(PROBABILITY))


def is_internal(column: str) -> bool:
    """Whether a run uses such a name itself."""
    return column.startswith(INTERNAL)
