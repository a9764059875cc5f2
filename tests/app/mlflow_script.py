"""What a data scientist writes, with the client as it comes; run by the interpreter that has MLflow."""

import json
import sys
from typing import Any

import lightgbm
import mlflow
import numpy as np
from mlflow import MlflowClient


def refused(call: Any, *arguments: Any) -> str:
    """What the client raises."""
    try:
        call(*arguments)
    except mlflow.exceptions.MlflowException as error:
        return f"{type(error).__name__}: {error}"
    return "it was done"


def first(folder: str) -> dict[str, Any]:
    """Track, log, register, and ask for the alias."""
    client = MlflowClient()
    rows = np.random.default_rng(1).random((200, 2))
    mlflow.set_experiment("fraud")
    with mlflow.start_run() as run:
        mlflow.log_params({"leaves": 4})
        mlflow.log_metric("auc", 0.9)
        data = lightgbm.Dataset(rows, rows[:, 1] > 0.5, params={"verbose": -1})
        booster = lightgbm.train({"objective": "binary", "verbose": -1, "num_leaves": 4}, data, num_boost_round=3)
        mlflow.lightgbm.log_model(booster, name="model", registered_model_name="fraud", pip_requirements=["lightgbm"])
        path = f"{folder}/notes.txt"
        with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123 - a script of a user
            file.write("a note" * 100_000)
        mlflow.log_artifact(path, "notes")
    back = client.download_artifacts(run.info.run_id, "notes/notes.txt", folder)
    with open(back, encoding="utf-8") as file:  # noqa: PTH123 - a script of a user
        length = len(file.read())
    client.set_registered_model_alias("fraud", "mine", "1")
    return {
        "metrics": client.get_run(run.info.run_id).data.metrics,
        "read_back": length,
        "mine": client.get_model_version_by_alias("fraud", "mine").version,
        "champion": refused(client.set_registered_model_alias, "fraud", "champion", "1"),
        "deleted": refused(client.delete_model_version, "fraud", "1"),
        "local": refused(client.create_model_version, "fraud", "file:///etc"),
    }


def second() -> dict[str, Any]:
    """After the approval."""
    client = MlflowClient()
    again = refused(client.set_registered_model_alias, "fraud", "champion", "1")
    loaded = mlflow.pyfunc.load_model("models:/fraud@champion")
    scores = loaded.predict(np.array([[0.5, 0.1], [0.5, 0.9]]))
    return {"again": again, "champion": client.get_model_version_by_alias("fraud", "champion").version} | {
        "scores": [float(score) for score in scores]
    }


if __name__ == "__main__":
    print(json.dumps(first(sys.argv[1])), flush=True)
    sys.stdin.readline()  # until somebody has approved
    print(json.dumps(second()))
