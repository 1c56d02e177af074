"""The Ray engine, one folder a task; `engine.py` binds them to the ports. Imported only when a run starts."""
