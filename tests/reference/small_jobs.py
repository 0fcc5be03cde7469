"""A program: a training with a small net and VGG16's first channels, or the preparation of saliency maps."""

import sys


def run(arguments: list[str]) -> int:
    from pathlib import Path

    from keras_nst.cli import main
    from keras_nst.data.references import References
    from keras_nst.jobs import setups
    from keras_nst.models.nets import NETS
    from keras_nst.models.weights import vgg_weights

    if arguments[0] == "references":
        folder = Path(arguments[1])
        References(folder).prepare([(path.name, path) for path in sorted(folder.glob("*.png"))], 24)
        return 0
    narrow = {layer: (kernel[:, :, :8, :8], bias[:8]) for layer, (kernel, bias) in vgg_weights().items()}
    NETS["johnson"] = NETS["johnson"]._replace(arguments={"filters": (4, 4, 8), "residual_blocks": 1})
    setups.vgg_weights = lambda *_: narrow
    return main(arguments)


if __name__ == "__main__":
    try:
        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:  # During loading, or outside a command.
        sys.exit(130)
