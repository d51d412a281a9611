"""The registry's HTTP API; `seglam.registry.api.assembly.install` puts it into an application."""
