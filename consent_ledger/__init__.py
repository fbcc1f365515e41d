"""The append-only record of who may do what with which data, and the decision that reads it."""
