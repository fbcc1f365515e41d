"""The invented sector, and the recorded season beside it; both come in through the ordinary intake."""
