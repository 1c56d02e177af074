"""Values of raw columns -> profiles that merge. What features are fitted from is in `features/`."""
