"""`python -m bot.bench [name…]`: some or all of the figures."""

from __future__ import annotations

import sys

from bot.bench import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
