"""Johnson, Alahi, Li 2016: Perceptual losses for real-time style transfer, with the names of Liu et al. 2019."""

from keras_nst import losses
from keras_nst.fit.schedules import constant
from keras_nst.losses.functional import sum_squared
from keras_nst.losses.statistics import gram
from keras_nst.recipes.kinds import UNIT, Recipe

CONTENT_LAYER = "relu3_3"
STYLE_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
# Deep Gram matrices vary within a painting: the distance of 128-pixel crops of The Starry Night from the whole is 0.1
# at relu2_2, but 2.6 at relu4_3. A full share there would force each crop of a result to the painting's average: an
# even weave. In the papers' unscaled sum this layer has no effect: its squared Gram matrix is 1/1000 of the next one.
STYLE_SHARES = (1.0, 1.0, 1.0, 0.1)
LEARNING_RATE = 1e-3


def tuned() -> Recipe:
    """mu1 content + mu2 style + total variation."""
    return Recipe(
        perceptual=1.0 * losses.content(CONTENT_LAYER)
        + 5.0 * losses.style(*STYLE_LAYERS, shares=STYLE_SHARES)
        + 2.0 * losses.total_variation(),
        learning_rate=LEARNING_RATE,
    )


def printed() -> Recipe:
    """mu1 content + mu2 style, as Liu et al. 2019 print it: eqs. (2) to (5), with mu1 = 1, mu2 = 20."""
    return Recipe(
        perceptual=1.0 * losses.content(CONTENT_LAYER, relative=False, unit=UNIT)
        + 20.0 * losses.style(*STYLE_LAYERS, statistic=gram(lambda a, b: sum_squared(a, b) / UNIT**4)),
        learning_rate=LEARNING_RATE,
        schedule=constant,
        left_open=(
            "the range of VGG16's input: standardized, since otherwise content is a hundred-thousandth of style",
        ),
    )
