"""Fakes, contract suites and sample records: shipped for plug-in authors, and used by raytemplate's own tests."""
