"""`python -m keras_nst`: the same as `keras-nst`."""

import sys

from keras_nst.cli import main

sys.exit(main())
