"""The command `keras-nst harmonize` as a script; see `python harmonize.py --help`."""

import sys

from keras_nst.cli import main

if __name__ == "__main__":
    sys.exit(main(["harmonize", *sys.argv[1:]]))
