"""Carries out runs: binds ports to engines, starts the promoter and the watchdog, and sends and follows jobs."""
