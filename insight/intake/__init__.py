"""The doors by which data come in. Writes the truth; alone of insight it may use log and vault."""
