"""Programs of others that tests compare us with, built from their Go modules."""
