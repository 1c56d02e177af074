"""Bytes that last and can be checked: atomic writes, locks, digests, manifests, objects by digest, the workspace."""
