"""Style transfer that keeps what matters in a picture, for TensorFlow and Keras 3.

Importing the package is fast: TensorFlow and Keras are only loaded with the modules that need them, or when a name of
`__init__.pyi` is first used.
"""

import sys

import lazy_loader

from keras_nst.startup import Quiet

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

sys.meta_path.insert(0, Quiet())
