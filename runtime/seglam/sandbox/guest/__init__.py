"""Code that runs inside the engine, on the engine's Python. The host never imports it but to build or to test it."""
