#!/usr/bin/env python
"""Run one of Tieout's commands."""

import os
import sys
from pathlib import Path


def main() -> None:
    # platform/ is a shelf, not a package: `config` and `plumbing` stand on it.
    sys.path.insert(0, str(Path(__file__).resolve().parent / "platform"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
