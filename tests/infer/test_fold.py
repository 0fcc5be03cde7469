import numpy as np
import pytest
import tensorflow as tf
from reference.nets import randomized

from keras_nst.infer.fold import fold
from keras_nst.models.transfer_net import transfer_net


@pytest.fixture(scope="module")
def net():
    return randomized(transfer_net(filters=(4, 6, 8), residual_blocks=2), np.random.default_rng(0))


@pytest.mark.parametrize("shape", [(1, 16, 16, 3), (1, 37, 50, 3), (3, 24, 20, 3)])
def test_a_folded_net_makes_the_same_picture(net, rng, shape):
    images = rng.random(shape, np.float32)
    np.testing.assert_allclose(fold(net)(images), net(images), atol=1e-4)


def test_a_single_picture_is_normalized_by_one_operation(net):
    def normalizations(batch):
        function = tf.function(fold(net), input_signature=[tf.TensorSpec((batch, None, None, 3), tf.float32)])
        return [node.type for node in function.get_concrete_function().graph.get_operations()].count("FusedBatchNormV3")

    # Three of the encoder, two in each residual block, two of the decoder.
    assert normalizations(1) == 9
    assert normalizations(None) == 0
