import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from keras_nst.models.vgg import vgg
from keras_nst.models.weights import vgg_weights

SIZE = 64


@pytest.fixture(scope="session")
def features():
    """VGG16 with eight channels per layer."""
    convolutions = {layer: (kernel[:, :, :8, :8], bias[:8]) for layer, (kernel, bias) in vgg_weights().items()}
    return vgg(convolutions=convolutions)


@pytest.fixture(scope="session")
def classifier():
    """Six classes: red, green, blue and the lack of each. A map shows where, and a logit how much."""
    image = keras.Input((None, None, 3))
    colors = layers.AveragePooling2D(8)(image)
    maps = layers.Concatenate()([colors, 1.0 - colors])
    return keras.Model(image, {"maps": maps, "logits": layers.GlobalAveragePooling2D()(maps)}, name="colors")


@pytest.fixture
def pictures(tmp_path):
    """Write pictures (height, width, 3) in [0, 1] to a folder: `pictures("photos", red=..., blue=...)`."""

    def write(folder, suffix=".png", **arrays):
        (tmp_path / folder).mkdir(exist_ok=True)
        for stem, array in arrays.items():
            Image.fromarray(np.rint(255 * array).astype(np.uint8)).save(tmp_path / folder / f"{stem}{suffix}")
        return tmp_path / folder

    return write


@pytest.fixture
def photographs(rng):
    """Two squares of noise, each with a bright patch of its color at the top left or bottom right."""
    images = {}
    for channel, (stem, corner) in enumerate({"red": slice(0, 32), "green": slice(32, 64)}.items()):
        image = 0.4 + 0.1 * rng.uniform(size=(SIZE, SIZE, 3))
        image[..., channel] += 0.2
        image[corner, corner, channel] += 0.25
        images[stem] = image
    return images


@pytest.fixture
def painting(pictures, rng):
    stripes = np.where(np.arange(SIZE)[:, None, None] // 4 % 2, [0.1, 0.2, 0.6], [0.9, 0.8, 0.2])
    return pictures("paintings", stripes=stripes * np.ones((1, SIZE, 1))) / "stripes.png"
