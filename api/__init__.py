"""The edge: assembly, settings, command line and HTTP; it executes, and decides nothing."""
