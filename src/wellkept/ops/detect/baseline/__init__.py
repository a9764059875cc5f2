"""What is usual of every series at once: streaming state in arrays, and how unusual the newest values are."""

from wellkept.ops.detect.baseline.base import Scores
from wellkept.ops.detect.baseline.engine import Baseline
from wellkept.ops.detect.baseline.parameters import SHIPPED, Parameters

__all__ = ["SHIPPED", "Baseline", "Parameters", "Scores"]
