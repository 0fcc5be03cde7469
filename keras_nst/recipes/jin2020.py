"""Jin 2020: CNN-based image style transfer and its applications. The method of Gatys et al. with total variation.

Jin's are VGG19, content 1, style 1000, total variation 10, Gram matrices divided by the size of the image, 500 epochs
at a learning rate of 0.1, and 150 x 225 and 300 x 450 pixels. The paper reports average pooling of Gatys et al. only.
It does not name layers, optimizer and start: here they are Gatys's layers for style, the last of block 4 for content,
and Adam, starting from the photograph.

The paper's weights assume standardized inputs, divided by the standard deviation of ImageNet's pixels. Here the inputs
of VGG are in units of 1/255, so its features are `UNIT` times as large: squared features are divided by UNIT^2, squared
Gram matrices by UNIT^4, and the learning rate is multiplied by the standard deviation. Total variation is measured on
pixels in [0, 1]: in standardized units it would outweigh the other terms and leave flat patches. Average pooling is
scaled to the size of maxima (`POOLINGS`); otherwise style would be too weak for these weights.
"""

from collections.abc import Sequence

from keras_nst import losses
from keras_nst.losses.functional import absolute_variation, mean_squared
from keras_nst.losses.statistics import gram
from keras_nst.recipes.kinds import DEVIATION, UNIT, PixelRecipe

CONTENT_LAYERS = {"vgg19": ("relu4_4",), "vgg16": ("relu4_3",)}
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


def printed() -> PixelRecipe:
    """500 steps of Adam at one scale."""
    return PixelRecipe(
        loss=loss,
        content_layers=CONTENT_LAYERS,
        style_layers=STYLE_LAYERS,
        statistics=("gram",),
        settings={
            "backbone": "vgg19",
            "pooling": "average",
            "init": "content",
            "optimizer": "adam",
            "learning_rate": 0.1 * DEVIATION,
            "iterations": 500,
            "end_size": 450,
            "start_size": 450,
        },
        left_open=(
            "the layers: Gatys's for style, the last of block 4 for content",
            "the pooling: average, as it reports of Gatys et al.",
            "the optimizer: Adam",
            "the first picture: the photograph",
            "the range of the pixels for total variation: 0 to 1",
        ),
    )


tuned = printed  # The paper's numbers work as they are.


def loss(
    content_layers: Sequence[str] = CONTENT_LAYERS["vgg19"],
    style_layers: Sequence[str] = STYLE_LAYERS,
    regions: Sequence[int] = (0,),
    statistic: str = "gram",
) -> losses.Loss:
    """Content + style + total variation, means of squared or absolute differences in the paper's units."""
    measured = gram(lambda output, target: mean_squared(output, target) / UNIT**4)
    styles = (losses.style(*style_layers, statistic=measured, region=region) for region in regions)
    return (
        1.0 * losses.content(*content_layers, relative=False, unit=UNIT, region=0)
        + 1000.0 * sum(styles)
        + 10.0 * losses.total_variation(variation=absolute_variation, region=0)
    )
