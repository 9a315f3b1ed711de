"""``python -m beautyspot.cli``."""

import sys

from beautyspot.cli import main

sys.exit(main())
