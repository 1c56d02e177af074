"""What Ray and tqdm say to a notebook that has no ipywidgets."""

import logging
import warnings


def quiet_in_notebooks() -> None:
    """Silence it, before Ray Data is imported: none of their widgets is shown, so that none is missed."""
    warnings.filterwarnings("ignore", message="IProgress not found")
    logging.getLogger("ray.widgets.util").setLevel(logging.WARNING)
