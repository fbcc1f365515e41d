"""`python -m consent_ledger.verify`, and the beginning of the verifier as one file."""

from __future__ import annotations

import sys

from consent_ledger.verify import main

if __name__ == "__main__":
    sys.exit(main())
