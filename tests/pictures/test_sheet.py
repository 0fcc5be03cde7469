import numpy as np

from keras_nst.pictures.sheet import GAP, contact_sheet


def plain(height, width, color):
    return np.full((1, height, width, 3), color, np.float32)


def test_cells_keep_their_proportions_and_stand_in_aligned_columns_on_white():
    sheet = contact_sheet(
        [[plain(50, 100, 0.2), plain(80, 40, 0.4)], [plain(10, 10, 0.6), plain(20, 20, 0.8)]], height=60
    )
    # Columns are as wide as their widest cell: 60 x 120, next to 60 x 60.
    assert sheet.shape == (1, GAP + 2 * (60 + GAP), GAP + 120 + GAP + 60 + GAP, 3)
    left, right, first, second = GAP, GAP + 120 + GAP, GAP, GAP + 60 + GAP
    for value, top, start, width in [(0.2, first, left, 120), (0.4, first, right, 30), (0.6, second, left, 60)]:
        np.testing.assert_allclose(sheet[0, top : top + 60, start : start + width], value, atol=1e-6)
    np.testing.assert_array_equal(sheet[0, :GAP], 1)
    np.testing.assert_array_equal(sheet[0, first : first + 60, right + 30 :], 1)


def test_labels_are_written_above_and_move_nothing_else():
    cells = [[plain(40, 40, 0.5), plain(40, 40, 0.5)]]
    bare, labeled = contact_sheet(cells, height=40), contact_sheet(cells, height=40, labels=["photograph", "result"])
    band = labeled.shape[1] - bare.shape[1]
    np.testing.assert_array_equal(labeled[:, band + GAP :], bare[:, GAP:])
    for start in (GAP, GAP + 40 + GAP):
        assert labeled[0, : band + GAP, start : start + 40].min() < 0.5
