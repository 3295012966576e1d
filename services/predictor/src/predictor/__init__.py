"""The predictor: a real model behind HTTP, healthy while its inference gives known answers."""

import os

# ONNX Runtime's official builds send usage data to their maker, unless told not to before they are
# loaded. Nothing that serves a user's candidates calls home.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
