"""The registry's index: TUF metadata in its database, derived from its versions, served below `/tuf/ORIGIN/`."""
