"""`keras-nst client`: apply a style on a server."""

import functools
import time

import keras_nst
from keras_nst.commands.arguments import Client
from keras_nst.commands.inputs import deliver, destinations, each, expand, read_picture, result_name
from keras_nst.errors import InputError


def run(options: Client) -> int:
    """Send each picture to the server, and write the result."""
    inputs = expand(options.inputs)
    outputs = destinations(inputs, options.output, functools.partial(result_name, options.style))
    from keras_nst.infer.served import ServedStyle

    served = ServedStyle(options.url, options.style, protocol=options.protocol, timeout=options.timeout)

    def process(source: str, output: str) -> None:
        began = time.perf_counter()
        picture = read_picture(source)
        try:
            result = served(picture)
        except InputError as error:
            raise InputError(f"{source}: {error}") from error
        deliver(output, result, record={"version": keras_nst.__version__, "style": options.style})
        if output != "-":
            height, width = result.rgb.shape[1:3]
            print(f"{output}  {width}x{height}  {time.perf_counter() - began:.1f} s")

    return each(process, inputs, outputs)
