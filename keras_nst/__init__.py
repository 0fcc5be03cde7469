"""Style transfer that keeps what matters in a picture, for TensorFlow and Keras 3.

Importing the package is cheap: TensorFlow and Keras are loaded by the modules that need them, when they are imported.
"""

__version__ = "0.1.0"
