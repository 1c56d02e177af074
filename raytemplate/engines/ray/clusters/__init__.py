"""The Ray that a run uses: starting or joining it, checking it, watching it while in use, and leaving it."""
