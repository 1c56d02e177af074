"""Reserved column names: those that `predict` writes beside the keys, and those of internal bookkeeping."""

PREDICTION, VERSION, PROBABILITY = "prediction", "model_version", "probability_"
"""Columns that `predict` writes; with more than two classes, one `probability_CLASS` for each class."""

INTERNAL = "__raytemplate_"
"""Prefix of the columns that travel with rows inside a run."""


def is_written(column: str, task: str) -> bool:
    """Whether `predict` writes a column of that name, or may write one once the classes are known."""
    return column in (PREDICTION, VERSION) or (task == "multiclass" and column.startswith(PROBABILITY))


def is_internal(column: str) -> bool:
    """Whether the name is reserved for columns inside a run."""
    return column.startswith(INTERNAL)
