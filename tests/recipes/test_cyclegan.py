import numpy as np
import pytest
from keras import ops

from keras_nst.recipes import recipe

CHOSEN = recipe("cyclegan")


def test_the_weights_are_the_papers():
    # Section 4: lambda 10. Section 5.2: identity with half of it. Section 7.1: the discriminator's loss is halved.
    assert CHOSEN.generator("least-squares").weights == {"adversarial": 1, "cycle": 10, "identity": 5}
    assert CHOSEN.discriminator("least-squares").weights == {"real": 0.5, "generated": 0.5}
    assert CHOSEN.game == "least-squares"


def test_what_is_led_back_is_compared_in_the_papers_range():
    image = np.full((1, 2, 2, 3), 0.25, np.float32)
    output = {"restored": image + 0.5, "same": image - 0.125, "discriminator/logits": np.ones((1, 1, 1, 1), np.float32)}
    total, raw = CHOSEN.generator("least-squares")({"output": output, "content": {"image": image}})
    assert float(raw["cycle"]) == pytest.approx(1.0)
    assert float(raw["identity"]) == pytest.approx(0.25)
    assert float(total) == pytest.approx(10 * 1.0 + 5 * 0.25)


@pytest.mark.parametrize(("step", "rate"), [(0, 2e-4), (50, 2e-4), (75, 1e-4), (100, 0)])
def test_the_rate_falls_along_a_line_after_the_first_half(step, rate):
    # Section 7.1: 100 epochs at 0.0002, then linearly to zero over 100.
    assert float(CHOSEN.schedule(CHOSEN.learning_rate, 100)(ops.convert_to_tensor(step))) == pytest.approx(rate)
