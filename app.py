"""The command `keras-nst app` as a script; see `python app.py --help`."""

import sys

from keras_nst.cli import main

if __name__ == "__main__":
    sys.exit(main(["app", *sys.argv[1:]]))
