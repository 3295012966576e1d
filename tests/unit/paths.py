"""Where a process that a test starts finds the packages: where the tests find them."""

import os
import sys

PYTHONPATH = os.pathsep.join(entry for entry in sys.path if entry)
