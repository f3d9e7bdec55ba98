"""The one place that imports torchvision: `from repro.vision import torchvision`.

The torchvision wheel on PyPI for Linux is built for CUDA. Next to a CPU-only torch its C++ operators do not load,
and `import torchvision` dies registering fake kernels for two of them ("operator torchvision::nms does not
exist"). Declaring their schemas is enough for models, transforms and data sets; calling them still fails.
"""

import importlib
import sys

import torch


def _declare_missing_operators() -> torch.library.Library:
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


try:
    torchvision = importlib.import_module("torchvision")
except RuntimeError as error:  # only where the symptom shows: other builds bring the operators themselves
    if "torchvision::nms" not in str(error):
        raise
    for _name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[_name]  # the half-imported package
    _library = _declare_missing_operators()  # the declarations last as long as this object
    torchvision = importlib.import_module("torchvision")

__all__ = ["torchvision"]
