"""`seglam pack`: making, signing, publishing, checking and importing packs."""
