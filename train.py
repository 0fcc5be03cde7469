"""The command `keras-nst train` as a script; see `python train.py --help`."""

import sys

from keras_nst.cli import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
