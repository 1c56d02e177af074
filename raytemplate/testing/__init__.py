"""Fakes, contract suites and sample records, shipped for plug-in authors and used by our own tests."""
