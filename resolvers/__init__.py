"""
The only door: GraphQL, REST, console, command line and exports all come through here.

Each module answers for one noun: it takes the inquiry, the arguments and what was selected, asks a
permit per figure, reads, releases, and returns plain dataclasses.
"""
