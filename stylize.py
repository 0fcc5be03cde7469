"""The command `keras-nst stylize` as a script; see `python stylize.py --help`."""

import sys

from keras_nst.cli import main

if __name__ == "__main__":
    sys.exit(main(["stylize", *sys.argv[1:]]))
