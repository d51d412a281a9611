"""The API for compile Jobs: their work, the verification runners and the model, to each for its own work only."""
