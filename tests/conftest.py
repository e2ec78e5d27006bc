"""What all tests share."""

import matplotlib

# No test may want a window, whatever the machine it runs on.
matplotlib.use("Agg")
