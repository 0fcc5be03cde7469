from .api import harmonize, optimize
from .errors import InputError
from .evaluation.evaluate import evaluate
from .fit.trainer import StyleTrainer
from .infer.stylizer import Stylizer
from .jobs.export import export
from .jobs.learn import learn
from .models.styles import styles
from .options import HarmonizeOptions, PixelOptions, Region, StylizeOptions, TrainingOptions
from .pictures.io import read, write
from .pictures.picture import Picture

__all__ = [
    "HarmonizeOptions",
    "InputError",
    "Picture",
    "PixelOptions",
    "Region",
    "StyleTrainer",
    "StylizeOptions",
    "Stylizer",
    "TrainingOptions",
    "evaluate",
    "export",
    "harmonize",
    "learn",
    "optimize",
    "read",
    "styles",
    "write",
]
__version__: str
