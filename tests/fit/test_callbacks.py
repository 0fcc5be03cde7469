"""What a training writes after each epoch."""

import csv

import numpy as np
import pytest

from keras_nst.errors import InputError
from keras_nst.fit.callbacks import Log
from keras_nst.fit.curves import read_log, read_losses


def test_a_training_that_goes_on_with_other_terms_has_all_in_its_log(tmp_path):
    path = tmp_path / "log.csv"
    epochs = [{"total": 3.0, "style": 1.0 / 3}, {"color": np.float32(0.1), "style": 0.25, "total": 2.0}]
    for number, logs in enumerate(epochs):
        Log(path).on_epoch_end(number, logs)  # Each is a training of its own.
    assert read_log(path) == [pytest.approx({"epoch": number, **logs}) for number, logs in enumerate(epochs)]
    losses = read_losses(path)
    np.testing.assert_allclose([losses["style"], losses["color"]], [[1 / 3, 0.25], [np.nan, 0.1]])
    with open(path) as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1"]


def test_a_log_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(InputError, match="Cannot write"):
        Log(tmp_path).on_epoch_end(0, {"total": 1.0})
