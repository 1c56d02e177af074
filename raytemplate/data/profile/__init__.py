"""Mergeable profiles of raw columns. The statistics that features are fitted from are in `features/`."""
