"""Code where data should be: pickles in models, artifacts and bodies, trust lists inside artifacts, external data."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tests.attacks.victim import TOKEN, Victim
from tests.ml.serve.doors import Asked, one

from wellkept.app.externalreport import NAMES
from wellkept.kernel.errors import InputError, WellkeptError
from wellkept.ml.codeprocess import load_scorer
from wellkept.ml.runtime import FILES, TRUSTED


class Bomb:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "code-was-run"


def artifact(folder: Path, kind: str, data: bytes, **more: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {"format": kind, "inputs": ["x"], "note": "", "libraries": {}, "estimator": "E", **more}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / FILES.get(kind, "model.pkl")).write_bytes(data)
    return folder


@pytest.mark.parametrize("kind", [*FILES, "pickle", "joblib", "cloudpickle", "python_function", "../pickle"])
def test_a_pickle_under_any_format_is_never_run(kind: str, mark: Path, tmp_path: Path) -> None:
    folder = artifact(tmp_path / "model", kind if "/" not in kind else "pickle", pickle.dumps(Bomb(mark)))
    (folder / "manifest.json").write_text((folder / "manifest.json").read_text().replace('"pickle"', f'"{kind}"'))

    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever its library says of it
        load_scorer(folder)[0].score(np.zeros((1, 1)))

    assert not mark.exists()


def test_the_state_of_an_object_names_no_function_that_its_code_does_not_define(mark: Path, tmp_path: Path) -> None:
    """What a project's code imports is not its own: a state that came from elsewhere could call it otherwise."""
    code = "import os\nfrom os import mkdir\nmake = os.mkdir\n"  # the function is there under every name below
    import skops.io
    from sklearn.preprocessing import FunctionTransformer

    state = FunctionTransformer(func=os.mkdir, kw_args={}).fit(np.zeros((1, 1)))
    folder = artifact(tmp_path / "model", "python", skops.io.dumps(state))
    (folder / "model.py").write_text(code)

    with pytest.raises(WellkeptError, match="holds a type that is not trusted"):
        load_scorer(folder)[0].score(np.zeros((1, 1)))

    for name in ("model.os.mkdir", "model.mkdir", "model.make"):
        module_path, _, attribute = name.rpartition(".")
        data = renamed(skops.io.dumps(state), module_path, attribute)
        folder = artifact(tmp_path / name, "python", data)
        (folder / "model.py").write_text(code)
        with pytest.raises(WellkeptError, match="the version's own code failed"):
            load_scorer(folder)[0].score(np.zeros((1, 1)))
    assert not mark.exists()


def renamed(data: bytes, module: str, name: str) -> bytes:
    """A state of skops in which a function stands under another name."""
    source = zipfile.ZipFile(io.BytesIO(data))
    schema = json.loads(source.read("schema.json"))

    def changed(node: Any) -> Any:
        if isinstance(node, list):
            return [changed(one) for one in node]
        if not isinstance(node, dict):
            return node
        node = {key: changed(value) for key, value in node.items()}
        if node.get("function") == "mkdir" or node.get("__class__") == "mkdir":
            node.update(function=name, __class__=name, module_path=module, __module__=module)
        return node

    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for member in source.namelist():
            text = json.dumps(changed(schema)) if member == "schema.json" else source.read(member)
            archive.writestr(member, text)
    return file.getvalue()


def test_objects_in_an_archive_of_arrays_are_never_unpickled(mark: Path, tmp_path: Path) -> None:
    file = io.BytesIO()
    np.savez(file, users=np.array([Bomb(mark)], dtype=object))

    with pytest.raises(InputError, match=r"model\.npz"):
        load_scorer(artifact(tmp_path / "model", "factors", file.getvalue()))

    assert not mark.exists()


def test_joblib_inside_of_skops_is_never_loaded(mark: Path, tmp_path: Path) -> None:
    """skops once fell back to joblib in silence (CVE-2025-54886)."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("schema.json", json.dumps({"__class__": "Bomb", "__module__": "tests", "__loader__": "X"}))
        archive.writestr("model.pkl", pickle.dumps(Bomb(mark)))
    for data in (pickle.dumps(Bomb(mark)), file.getvalue()):
        with pytest.raises(Exception):  # noqa: B017, PT011 - whatever skops says of it
            load_scorer(artifact(tmp_path / "model", "skops", data))

    assert not mark.exists()


def test_a_trust_list_inside_the_artifact_trusts_nothing(tmp_path: Path) -> None:
    """A crafted model could trust itself (GHSA-w582-9x45-8mpx); the list is the platform's own."""
    import skops.io
    from sklearn.preprocessing import FunctionTransformer

    data = skops.io.dumps(FunctionTransformer(func=os.system))
    asked = skops.io.get_untrusted_types(data=data)
    folder = artifact(tmp_path / "model", "skops", data, trusted=asked, skops_trusted_types=asked)
    (folder / "trusted.json").write_text(json.dumps(asked))
    (folder / "MLmodel").write_text(f"flavors: {{sklearn: {{skops_trusted_types: {json.dumps(asked)}}}}}")

    assert asked
    assert not set(asked) & set(TRUSTED)
    with pytest.raises(InputError, match="not trusted"):
        load_scorer(folder)


def external(location: str) -> bytes:
    """A model in ONNX that adds what lies in another file."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    tensor.external_data.add(key="length", value="4")
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])],
        [tensor],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 8
    assert onnx.ModelProto.FromString(made.SerializeToString())
    data: bytes = made.SerializeToString()
    return data


@pytest.mark.parametrize("how", ["absolute", "up", "beside", "link", "working"])
def test_external_data_of_onnx_is_never_read(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, secret = tmp_path / "model", tmp_path / "secret.bin"
    secret.write_bytes(np.float32(4711.0).tobytes())
    folder.mkdir()
    location = {"absolute": str(secret), "up": "../secret.bin"}.get(how, "weights.bin")
    if how == "link":
        (folder / "weights.bin").symlink_to(secret)
    elif how == "beside":
        (folder / "weights.bin").write_bytes(secret.read_bytes())
    elif how == "working":
        monkeypatch.chdir(tmp_path)
        (tmp_path / "weights.bin").write_bytes(secret.read_bytes())
    artifact(folder, "onnx", external(location))

    with pytest.raises(Exception) as refused:  # noqa: PT011 - the runtime's own error, or ours
        scored(folder)

    assert "4711" not in str(refused.value)


def scored(folder: Path) -> Any:
    scorer, _ = load_scorer(folder)
    return scorer.score(np.zeros((1, 1)))


BODIES: dict[str, tuple[str, Callable[[Path], bytes]]] = {
    "pickle": ("application/python-pickle", lambda mark: pickle.dumps(Bomb(mark))),
    "octets": ("application/octet-stream", lambda mark: pickle.dumps(Bomb(mark))),
    "json": ("application/json", lambda mark: pickle.dumps(Bomb(mark), protocol=0)),
    "bentoml": ("application/vnd.bentoml+pickle", lambda mark: pickle.dumps(Bomb(mark))),
    "npy": ("application/x-npy", lambda mark: archived(Bomb(mark))),
    "yaml": ("application/yaml", lambda mark: f"!!python/object/apply:os.mkdir ['{mark}']".encode()),
}


@pytest.mark.parametrize("kind", BODIES)
def test_a_body_is_never_code(kind: str, mark: Path, platform: Victim, tmp_path: Path) -> None:
    """BentoML unpickled bodies by their content type (CVE-2025-27520)."""
    media, make = BODIES[kind]
    body, asked = make(mark), Asked(tmp_path / "cache")

    for path in ("/v2/models/fraud/infer", "/invocations"):
        assert asked.send(path, body, media).status_code in (400, 415)
    for path in ("/v1/labels", "/v1/predictions", "/api/v1/models/train", "/cloudevents", "/v1/metrics", "/v2/enqueue",
                 "/api/v1/external/x/report", "/api/v1/hooks/x", "/alertmanager/api/v2/alerts"):  # fmt: skip
        answer = platform.ask("POST", path, TOKEN, content=body, headers={"Content-Type": media})
        assert 400 <= answer.status_code < 500, (path, answer.status_code)
    assert not mark.exists()


def test_a_payload_header_cannot_choose_how_a_body_is_read(mark: Path, tmp_path: Path) -> None:
    asked = Asked(tmp_path / "cache")
    headers = {"payload_container": "PickledDataFrame", "Payload_Container": "pickle", "content_encoding": "pickle"}

    assert asked.post("/v2/models/fraud/infer", {"inputs": one()}, **headers).status_code == 200
    assert not mark.exists()


def test_yaml_of_a_project_is_never_code(mark: Path, platform: Victim, tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(f"import os; os.mkdir({str(mark)!r})")
    (tmp_path / "model.yaml").write_text(f"name: !!python/object/apply:os.mkdir ['{mark}']\ntask: regression\n")

    answer = platform.ask("POST", "/api/v1/models/train", TOKEN, json={"project": str(tmp_path)})

    assert answer.status_code == 422
    assert not mark.exists(), "and model.py is not imported by the server"


def test_what_a_ci_may_send_is_no_code() -> None:
    assert {"manifest.json", *FILES.values()} == NAMES
    assert not {name for name in NAMES if name.endswith((".py", ".pkl", ".pickle", ".joblib", ".pt", ".so"))}


def archived(bomb: Bomb) -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([bomb], dtype=object), allow_pickle=True)
    return file.getvalue()
