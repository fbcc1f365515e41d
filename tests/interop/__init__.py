"""
Our export, read by programs that others wrote.

`exports` makes it, `spoiling` lies in it, one module each holds pymerkle, sigstore-python, Go's x/mod and
npm's @sigstore/verify. The first two run in the suite; `python -m tests.interop` runs all four.
"""
