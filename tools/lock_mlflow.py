"""Write requirements-mlflow.lock: MLflow with all that it needs, for an environment of its own.

MLflow holds some packages below the versions that Wellkept needs, so the two do not fit into one environment.
"""

from tools.lock import ROOT, pin

LOCK = ROOT / "requirements-mlflow.lock"
HEAD = "# MLflow for its own environment (`make mlflow`), pinned with hashes; `make lock` writes this file anew.\n"
WANTED = ("mlflow>=3.17,<4", "lightgbm>=4.7", "skops>=0.16")

if __name__ == "__main__":
    pin(LOCK, HEAD, ["-"], "\n".join(WANTED) + "\n")
