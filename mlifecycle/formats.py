"""The formats of models: how each is recognised, and which runtime serves it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        name: of its judge in `mlifecycle.security.model_files`, and of its loader in the image.
        files: what its model file may be called.
        runtime: the folder in `inference/app/runtimes` that serves it.
        system_packages: what that needs of the operating system beside the base image.
    """

    name: str
    files: tuple[str, ...]
    runtime: str
    system_packages: tuple[str, ...] = ()


# A program, and no data: what it needs beside the others' rules goes by this name.
PICKLE = "pickle"
FORMATS = {
    item.name: item
    for item in (
        Format("onnx", ("model.onnx",), "onnx"),
        Format("skops", ("model.skops",), "sklearn"),
        Format("xgboost", ("model.ubj", "model.json"), "xgboost"),
        # https://lightgbm.readthedocs.io/en/stable/Installation-Guide.html: OpenMP.
        Format("lightgbm", ("model.txt",), "lightgbm", ("libgomp1",)),
        Format("torch_export", ("model.pt2",), "torch"),
        Format("saved_model", ("saved_model.pb",), "tensorflow"),
        Format(PICKLE, ("model.pkl",), "sklearn"),
    )
}
