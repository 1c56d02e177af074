"""The engine on Ray, by what its parts serve; `engine.py` binds them to the ports. Imported only when a run starts."""
