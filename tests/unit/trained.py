"""The model that the predictor's tests serve and the lab's tests know the right answers from."""

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from unit.paths import PYTHONPATH

SERVICE = Path(__file__).parents[2] / "services" / "predictor"


@functools.cache
def model_file() -> Path:
    """Return a small model, made once per run as the image's build makes the large one."""
    folder = tempfile.mkdtemp(prefix="hadr-model-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = Path(folder) / "model.onnx"
    script = [sys.executable, str(SERVICE / "training" / "train.py")]
    arguments = ["--output", str(path), "--trees", "16", "--candidates", "800"]
    subprocess.run([*script, *arguments], check=True, env={**os.environ, "PYTHONPATH": PYTHONPATH})
    return path
