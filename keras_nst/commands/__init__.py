"""What each subcommand of the command line does; `keras_nst.cli` has their arguments."""
