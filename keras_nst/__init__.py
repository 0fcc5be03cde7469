"""Style transfer that keeps what matters in a picture, for TensorFlow and Keras 3.

Importing the package is fast: TensorFlow and Keras are only loaded with the modules that need them, or when a name in
`__all__` is first used.
"""

import importlib
import sys

from keras_nst.startup import Quiet

__version__ = "0.1.0"

_MODULES = {
    "HarmonizeOptions": "options",
    "InputError": "errors",
    "Picture": "pictures.picture",
    "PixelOptions": "options",
    "Region": "options",
    "StyleTrainer": "fit.trainer",
    "Stylizer": "infer.stylizer",
    "TrainingOptions": "options",
    "evaluate": "evaluation.evaluate",
    "export": "jobs.export",
    "harmonize": "api",
    "learn": "jobs.learn",
    "optimize": "api",
    "read": "pictures.io",
    "styles": "models.styles",
    "write": "pictures.io",
}
__all__ = list(_MODULES)

sys.meta_path.insert(0, Quiet())


def __getattr__(name: str):
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
