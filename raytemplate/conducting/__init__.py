"""How a run is carried out: ports bound to engines, the promoter and the watchdog beside it, jobs sent and followed."""
