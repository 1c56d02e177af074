"""Durable, verifiable bytes: atomic writes, locks, digests, manifests, the content store, the workspace."""
