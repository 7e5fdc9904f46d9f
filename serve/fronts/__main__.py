"""How a child begins: `python -m serve.fronts DESCRIPTOR PARENT`, started by the supervisor alone."""

from __future__ import annotations

import sys

from serve.fronts.child import main

if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
