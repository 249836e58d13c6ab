"""What a folder of files is: the formats by their names, and MLflow's by its MLmodel file."""

import pytest

from mlifecycle.artifact.layout import ModelFile, find_model
from mlifecycle.artifact.stored import ArtifactError
from mlifecycle.formats import FORMATS

URI = "s3://models/m/1"


def found(files: dict[str, str]) -> ModelFile:
    return find_model(files, lambda name: files[name].encode(), URI)


def refusal(files: dict[str, str]) -> str:
    with pytest.raises(ArtifactError) as error:
        found(files)
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "format_name"),
    [(name, item.name) for item in FORMATS.values() for name in item.files],
)
def test_a_format_is_known_by_its_file(name: str, format_name: str) -> None:
    assert found({name: "", "golden.json": "", "README.md": ""}) == ModelFile(
        FORMATS[format_name], name
    )


def test_a_folder_without_a_model_says_what_is_there_and_what_could_be() -> None:
    assert refusal({}) == (
        "Model file not found at s3://models/m/1: none of model.onnx, model.skops, model.ubj,"
        " model.json, model.txt, model.pt2, saved_model.pb, model.pkl"
    )
    assert refusal({"pytorch_model.bin": "", "config.json": ""}).endswith(
        "; there is config.json, pytorch_model.bin"
    )


def test_two_models_in_one_folder_are_refused() -> None:
    assert refusal({"model.onnx": "", "model.pkl": ""}) == (
        "s3://models/m/1 holds several models: model.onnx, model.pkl"
    )


# The flavors as MLflow 3.17 writes them, but for the environment.
PYFUNC = "flavors:\n  python_function:\n    loader_module: mlflow.x\n"
ONNX = "  onnx:\n    data: model.onnx\n    onnx_version: 1.23.2\n"
SKOPS = "  sklearn:\n    pickled_model: model.skops\n    serialization_format: skops\n"
CLOUDPICKLE = "  sklearn:\n    pickled_model: model.pkl\n    serialization_format: cloudpickle\n"
OLD = "  sklearn:\n    pickled_model: model.pkl\n"
XGBOOST = "  xgboost:\n    data: model.ubj\n    model_class: xgboost.sklearn.XGBClassifier\n"
LIGHTGBM = "  lightgbm:\n    data: model.lgb\n    model_class: lightgbm.basic.Booster\n"
LIGHTGBM_SKLEARN = "  lightgbm:\n    data: model.skops\n    model_class: lightgbm.LGBMClassifier\n"
PYTORCH = "  pytorch:\n    model_data: data\n    pytorch_version: 2.15.0\n"
TENSORFLOW = "  tensorflow:\n    saved_model_dir: tf2model\n    model_type: tf2-module\n"
KERAS = "  tensorflow:\n    data: data\n    model_type: keras\n    save_format: tf\n"


@pytest.mark.parametrize(
    ("flavor", "name", "format_name"),
    [
        (ONNX, "model.onnx", "onnx"),
        (SKOPS, "model.skops", "skops"),
        (XGBOOST, "model.ubj", "xgboost"),
        (LIGHTGBM, "model.lgb", "lightgbm"),
        (PYTORCH, "data/model.pt2", "torch_export"),
        (TENSORFLOW, "tf2model/saved_model.pb", "saved_model"),
    ],
)
def test_an_mlflow_folder_is_read_for_its_flavor(flavor: str, name: str, format_name: str) -> None:
    files = {"MLmodel": PYFUNC + flavor, name: "", "conda.yaml": ""}
    assert found(files) == ModelFile(FORMATS[format_name], name)


@pytest.mark.parametrize(
    ("flavor", "name", "call"),
    [
        (CLOUDPICKLE, "model.pkl", 'mlflow.sklearn.log_model(model, name="model", serialization'),
        (OLD, "model.pkl", 'serialization_format="skops")'),
        (LIGHTGBM_SKLEARN, "model.skops", "mlflow.lightgbm.log_model(model.booster_"),
        (PYTORCH, "data/model.pth", 'mlflow.pytorch.log_model(model, name="model", input_example'),
        (KERAS, "data/model.keras", 'model.export("model")'),
    ],
)
def test_an_mlflow_folder_of_objects_is_refused_with_the_call_that_logs_it_safely(
    flavor: str, name: str, call: str
) -> None:
    found = refusal({"MLmodel": PYFUNC + flavor, name: ""})
    assert "run code when they are loaded: log it again with" in found
    assert call in found


# Each level stands for ten of the one below it.
BOMB = "a0: &a0 [x]\n"
BOMB += "".join(f"a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * 10)}]\n" for i in range(12))
BOMB += PYFUNC + "  onnx:\n    data: *a12\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (PYFUNC, "of the flavors python_function; served is one of onnx, sklearn"),
        (PYFUNC + ONNX + XGBOOST, "of the flavors python_function, onnx, xgboost"),
        ("flavors: [", "MLmodel cannot be read"),
        ("[]", "MLmodel cannot be read"),
        ("flavors: 1", "MLmodel cannot be read"),
        ("", "MLmodel cannot be read"),
        (PYFUNC + "utc_time_created: 2025-13-45\n", "MLmodel cannot be read"),
        (BOMB, "which MLmodel names"),
        ("!!python/object/apply:os.system [touch ran]", "MLmodel cannot be read"),
        (PYFUNC + "  onnx: 7\n", "not found at s3://models/m/1/, which MLmodel names"),
        (PYFUNC + "  onnx:\n    data: ../other.onnx\n", "/../other.onnx, which MLmodel names"),
        (PYFUNC + "  onnx:\n    data: /etc/passwd\n", "//etc/passwd, which MLmodel names"),
        (PYFUNC + "  onnx:\n    data: absent.onnx\n", "/absent.onnx, which MLmodel names"),
    ],
)
def test_an_mlflow_folder_that_cannot_be_served_is_refused(text: str, reason: str) -> None:
    assert reason in refusal({"MLmodel": text, "model.onnx": ""})
