import keras
import numpy as np
import pytest
from keras import layers
from scipy import ndimage

from keras_nst.errors import InputError
from keras_nst.models.cam import cam, gap_classifier
from keras_nst.models.efficientnet_lite import efficientnet_lite0
from keras_nst.models.weights import embedded
from keras_nst.pictures.io import read

# Of keras.applications, small enough to be built quickly.
APPLICATIONS = {"MobileNet": (7, 3_228_864), "MobileNetV2": (7, 2_257_984), "ResNet50V2": (7, 23_564_800)}


@pytest.fixture(scope="module")
def lite0():
    return gap_classifier()


def logits(classifier, name):
    return classifier(read(f"sample:{name}").rgb, training=False)["logits"].numpy()[0]


def test_it_has_the_published_number_of_parameters():
    # timm's table of models rounds it to 4.65 million; KerasHub's preset is exact: weights and biases, which are the
    # embedded file's 4,694,024 numbers without 2 x 21,008 running statistics of BatchNormalization.
    trainable = sum(np.prod(weight.shape) for weight in efficientnet_lite0(weights=None).trainable_weights)
    assert trainable == 4_652_008


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "rocket"])
def test_the_mean_of_a_map_is_the_logit_without_its_bias(lite0, name):
    observed = lite0(read(f"sample:{name}").rgb, training=False)
    mean = observed["maps"].numpy().mean((1, 2))
    np.testing.assert_allclose(mean + embedded("efficientnet_lite0")["_fc/bias"], observed["logits"], atol=1e-4)


# Indices of ImageNet's classes: tabby, tiger and Egyptian cat; espresso; missile, projectile, space shuttle and the
# launch tower, which ImageNet calls a drilling platform.
@pytest.mark.parametrize(
    ("name", "classes"), [("chelsea", {281, 282, 285}), ("coffee", {967}), ("rocket", {657, 744, 812, 540})]
)
def test_photographs_are_what_they_show(lite0, name, classes):
    assert int(logits(lite0, name).argmax()) in classes


def test_it_classifies_unless_it_is_told_to_train(lite0):
    coffee = read("sample:coffee").rgb
    np.testing.assert_array_equal(lite0(coffee)["logits"], lite0(coffee, training=False)["logits"])


def test_a_map_lies_on_what_it_is_of(lite0):
    """The cat's face fills the middle of the photograph; beside a plain gray area, the map lies on its side."""
    cat = read("sample:chelsea").rgb[:, :300, 75:375]
    for side in (0, 1):
        wide = np.full((1, 300, 600, 3), 0.5, np.float32)
        wide[:, :, 300 * side : 300 * (side + 1)] = cat
        top = lite0(wide, training=False)["logits"].numpy().argmax(-1)
        found = np.maximum(cam(lite0, wide, top).numpy()[0], 0)
        _, column = ndimage.center_of_mass(found)
        assert (column > 3) == bool(side)


def test_the_map_of_a_class_is_that_of_all_classes(lite0):
    pictures = np.stack([read(f"sample:{name}", max_size=64).rgb[0, :42, :42] for name in ("coffee", "chelsea")])
    maps = lite0(pictures, training=False)["maps"].numpy()
    np.testing.assert_array_equal(cam(lite0, pictures, np.array([967, 3])), [maps[0, ..., 967], maps[1, ..., 3]])


@pytest.mark.parametrize("backbone", APPLICATIONS)
def test_a_network_of_keras_gives_its_own_logits_and_their_maps(rng, backbone):
    side, _ = APPLICATIONS[backbone]
    classifier = gap_classifier(backbone, weights=None, classes=4)
    head = [layer for layer in classifier.get_layer(backbone).layers if layer.weights][-1]
    bias = rng.normal(size=4)
    head.bias.assign(bias)
    observed = classifier(rng.uniform(size=(1, 40, 50, 3)), training=False)
    assert observed["maps"].shape == (1, side, side, 4)
    np.testing.assert_allclose(observed["maps"].numpy().mean((1, 2)) + bias, observed["logits"], atol=1e-4)
    kernel = head.kernel.numpy().reshape(-1, 4)
    np.testing.assert_allclose(observed["pooled"].numpy() @ kernel + bias, observed["logits"], atol=1e-4)


@pytest.mark.parametrize("backbone", APPLICATIONS)
def test_the_backbones_have_the_published_number_of_parameters(backbone):
    # keras.io/api/applications, without the classifier of 1000 classes.
    classifier = gap_classifier(backbone, weights=None, classes=2)
    head = [layer for layer in classifier.get_layer(backbone).layers if layer.weights][-1]
    assert classifier.count_params() - head.count_params() == APPLICATIONS[backbone][1]


def test_images_are_prepared_as_the_backbone_was_trained(monkeypatch, rng):
    """MobileNetV2 expects [-1, 1]. A classifier that returns the mean of its input shows what it gets."""

    def brightness(classifier_activation, weights, classes):
        image = keras.Input((8, 8, 3))
        pooled = layers.GlobalAveragePooling2D()(image)
        return keras.Model(image, layers.Dense(classes, kernel_initializer="ones")(pooled))

    brightness.__module__ = keras.applications.MobileNetV2.__module__
    monkeypatch.setattr(keras.applications, "MobileNetV2", brightness)
    classifier = gap_classifier("MobileNetV2", weights=None, classes=1)
    image = np.broadcast_to([0.0, 0.5, 0.75], (1, 5, 6, 3)).astype(np.float32)
    assert float(classifier(image)["logits"][0, 0]) == pytest.approx(-1 + 0 + 0.5, abs=1e-5)


def test_it_can_be_fitted_to_classes_of_ones_own_and_read_back(tmp_path, rng):
    classifier = gap_classifier(weights=None, classes=2, size=32)
    trained = keras.Model(classifier.input, classifier.output["logits"])
    trained.compile(keras.optimizers.Adam(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    trained.fit(rng.uniform(size=(4, 32, 32, 3)), np.array([0, 1, 0, 1]), epochs=1, verbose=0)
    file = tmp_path / "own.weights.h5"
    classifier.get_layer("efficientnet_lite0").save_weights(file)
    image = rng.uniform(size=(1, 32, 32, 3)).astype(np.float32)
    again = gap_classifier(weights=file, classes=2, size=32)
    np.testing.assert_allclose(again(image)["maps"], classifier(image)["maps"], rtol=1e-5)
    with pytest.raises(InputError, match=r"own\.weights\.h5 does not hold .* efficientnet_lite0 with 3 classes"):
        gap_classifier(weights=file, classes=3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"backbone": "resnet50"}, "Unknown classifier: 'resnet50'. Did you mean 'ResNet50'"),
        ({"backbone": "VGG16"}, "must end in global average pooling and one dense layer. VGG16 does"),
        ({"backbone": "MobileNetV3Small"}, "MobileNetV3Small does not"),
        ({"classes": 7}, "ImageNet has 1000 classes. Received: 7"),
        ({"backbone": "InceptionV3", "size": 64}, "InceptionV3 for pictures of 64 pixels: .*at least 75x75"),
        ({"backbone": "squeezenet1_1", "size": 16}, "Cannot build squeezenet1_1 for pictures of 16 pixels"),
        ({"weights": "missing.h5"}, "No weights of efficientnet_lite0 at missing.h5"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(arguments, message):
    with pytest.raises(InputError, match=message.replace("(", r"\(")) as error:
        gap_classifier(**arguments)
    assert "\n" not in str(error.value)


def test_a_text_file_is_no_weights(tmp_path):
    file = tmp_path / "notes.h5"
    file.write_text("not weights")
    with pytest.raises(InputError, match=r"notes\.h5 does not hold the weights of efficientnet_lite0"):
        gap_classifier(weights=file)
