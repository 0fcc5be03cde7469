"""The seam to the backends: what needs a gradient of TensorFlow's own."""

import keras

from keras_nst.models.convolution import compiled_for_cpu

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf

    class GradientStep:
        """A `train_step` for keras.Model that reports what mixed precision skips and averages the weights."""

        averages = True

        def train_step(self, data):
            """One step of the optimizer on a batch of photographs (batch, height, width, 3) in [0, 1]."""
            photographs, *_ = keras.utils.unpack_x_y_sample_weight(data)
            on_cpu = not tf.config.list_physical_devices("GPU")
            with tf.GradientTape() as tape, compiled_for_cpu(self.jit_compile and on_cpu):
                loss = self.compute_loss(x=photographs, y_pred=self(photographs, training=True), training=True)
                scaled = self.optimizer.scale_loss(loss)
            variables = self.trainable_variables
            gradients = tape.gradient(scaled, variables)
            finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(gradient)) for gradient in gradients])
            # Under float16 the optimizer leaves the weights alone when a scaled gradient overflows, and tells nobody.
            self.optimizer.apply(gradients, variables)
            return self.after_step(skipped=1.0 - tf.cast(finite, tf.float32))

else:

    class GradientStep:
        """Nothing: Keras's own `train_step` serves, which neither averages weights nor counts skipped steps."""

        averages = False
