import itertools

import cv2
import numpy as np
import pytest
from skimage import data

from keras_nst.video.steady import Steady, flow_back, warp

SIDE, SHIFT = 96, 3


@pytest.fixture(scope="module")
def wide():
    return cv2.resize(data.coffee(), (300, 200), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def pan(wide, number):
    return wide[40 : 40 + SIDE, 60 + SHIFT * number : 60 + SHIFT * number + SIDE]


@pytest.fixture
def fickle():
    """A stand-in for a net that paints different grain into each frame."""
    rng = np.random.default_rng(7)

    def stylize(frames, _):
        grain = cv2.GaussianBlur(rng.standard_normal(frames.shape[1:3]), (0, 0), 0.7)[..., None]
        return np.clip(0.25 + frames / 2 + 0.3 * grain, 0, 1).astype(np.float32)

    return stylize


def gradient(image):
    return sum(np.square(np.diff(image, axis=axis)).mean() for axis in (0, 1))


def test_the_flow_leads_back_to_where_a_frame_was(wide):
    flow, agrees = flow_back(pan(wide, 1), pan(wide, 0))
    assert np.abs(flow[agrees] - (SHIFT, 0)).mean() < 0.3
    assert agrees[:, : -SHIFT - 1].mean() > 0.8
    assert not agrees[:, -SHIFT + 1 :].any()  # Just come into view.


def test_warping_follows_the_flow(wide):
    flow = np.broadcast_to(np.float32((SHIFT, 0)), (SIDE, SIDE, 2))
    np.testing.assert_allclose(warp(pan(wide, 0), flow)[:, :-10], pan(wide, 1)[:, :-10], atol=1e-6)


def test_results_stay_on_what_moves_and_lose_no_detail(wide, fickle):
    def errors(results):
        pairs = zip(results[2:], results[1:], strict=False)
        return np.mean([np.square(now[:, :-SHIFT] - before[:, SHIFT:]).mean() for now, before in pairs])

    frames = [pan(wide, number) for number in range(8)]
    steady = Steady(fickle)
    results = [steady(frame) for frame in frames]
    alone = [fickle(frame[None], None)[0] for frame in frames]
    assert errors(results) < 0.5 * errors(alone)
    assert gradient(results[-1]) > 0.9 * gradient(alone[-1])


def test_the_grain_moves_with_what_is_seen_and_stays_sharp(wide):
    seen = []

    def stylize(frames, grain):
        seen.append(grain[0])
        return frames

    steady = Steady(stylize)
    for number in range(8):
        steady(pan(wide, number))
    for before, now in itertools.pairwise(seen):
        moved, still = (
            np.abs(now[8:-8, 8:-20] - other).mean() for other in (before[8:-8, 11:-17], before[8:-8, 8:-20])
        )
        assert moved < 0.35 * still
    assert gradient(seen[-1]) > 0.6 * gradient(seen[0])


def test_another_scene_is_painted_anew(wide, fickle):
    steady = Steady(lambda frames, _: 1 - frames)
    steady(pan(wide, 0))
    other = np.ascontiguousarray(1 - pan(wide, 0)[::-1, ::-1])
    assert np.abs(steady(other) - (1 - other)).mean() < 0.01


def test_flat_areas_stay_finite(wide, fickle):
    bars = pan(wide, 0).copy()
    bars[:24] = bars[-24:] = 0
    steady = Steady(lambda frames, _: np.where(frames > 0, fickle(frames, None), 0))
    assert all(np.isfinite(steady(bars)).all() for _ in range(4))


def test_without_steadiness_each_frame_is_for_itself(wide):
    steady = Steady(lambda frames, _: frames / 2, 0)
    for number in range(2):
        np.testing.assert_array_equal(steady(pan(wide, number)), pan(wide, number) / 2)
