"""The command line: `keras-nst train` and `keras-nst stylize`, also as train.py and stylize.py; and others.

Only the arguments stand here: what a command does, and what it takes seconds to import, is loaded when it runs.
"""

import argparse
import contextlib
import dataclasses
import importlib
import sys
import warnings
from collections.abc import Sequence

import keras_nst
from keras_nst import interruption, startup
from keras_nst.errors import BAD_INPUT, InputError, one_line
from keras_nst.models.nets import NETS
from keras_nst.options import HarmonizeOptions, PixelOptions, TrainingOptions
from keras_nst.recipes import ADVERSARIAL, PIXELS, TRAINING

INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    """Reports a wrong argument in one line, like every other bad input."""

    def error(self, message):
        raise InputError(f"{message}. See {self.prog} --help.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: What follows the program's name; None for the process's own.

    Returns:
        The exit code: 0, 2 after bad input or too little memory (one line on stderr says which), 130 when interrupted.
    """
    startup.open_streams()
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # As stderr: a file's name may be no Unicode.
    # Pillow's warnings of damage: what matters of it comes as an error, too.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    if not sys.warnoptions:  # Of other libraries, unless somebody asks for them.
        warnings.simplefilter("ignore", append=True)
    try:
        options = _parser().parse_args(arguments)
        startup.settle_keras(options.command)
        if options.command != "train":  # Its photographs are read by the same threads.
            startup.one_operation_at_once()
        with interruption.orderly():
            code = importlib.import_module(f"keras_nst.commands.{options.command}").run(options)
        sys.stdout.flush()
        return code
    except InputError as error:
        print(one_line(error), file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt as interrupted:
        print("Interrupted.", *interrupted.args, file=sys.stderr)  # Who knows how to go on has said so.
        return INTERRUPTED
    except OSError as error:  # Of standard output, or of memory: files are told of where they are opened.
        print(f"error: Cannot go on: {error.strerror or error}.", file=sys.stderr)
        try:
            sys.stdout.flush()
        except OSError:
            with contextlib.suppress(OSError):
                sys.stdout.close()  # Else Python tries again as it ends, and tells of it.
        return BAD_INPUT
    except Exception as error:
        if not _is_lack_of_memory(error):
            raise
        print(f"error: The memory does not suffice for this. {_LESS_MEMORY}", file=sys.stderr)
        return BAD_INPUT


_LESS_MEMORY = "Take a smaller picture (--max-size, --end-size), --tile or --batch, or end other programs."


# Of OpenCV, and of what is loaded where none is left.
_NO_MEMORY = "Insufficient memory", "failed to map segment", "annot allocate memory"


def _is_lack_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or what led to it, is Python's, OpenCV's or TensorFlow's of that kind."""
    if error is None:
        return False
    # By their names: neither is loaded for a command that does without.
    told = type(error).__name__ == "ResourceExhaustedError" or any(words in str(error) for words in _NO_MEMORY)
    return told or isinstance(error, MemoryError) or _is_lack_of_memory(error.__cause__ or error.__context__)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="keras-nst", description="Style transfer that keeps what matters in a picture.")
    parser.add_argument("--version", action="version", version=f"keras_nst {keras_nst.__version__}")
    commands = parser.add_subparsers(required=True, dest="command", metavar="COMMAND")
    _add_stylize(commands)
    _add_sheet(commands)
    _add_info(commands)
    _add_train(commands)
    _add_evaluate(commands)
    _add_saliency(commands)
    _add_frames(commands)
    _add_optimize(commands)
    _add_partial(commands)
    _add_harmonize(commands)
    _add_export(commands)
    _add_client(commands)
    _add_app(commands)
    return parser


_MOST = 1_000_000  # Of any number of which nothing else is said.
_LARGEST_SIDE = 65_536  # Of pictures, in pixels: beyond, numbers of bytes no longer fit where libraries keep them.
_LONGEST = 1_000_000.0  # Seconds, eleven days.


def _number(kind: type, low: float, high: float = _MOST):
    """A parser of finite numbers from `low` to `high`: all numbers of the command line are parsed by one of these."""

    def parse(text: str):
        with contextlib.suppress(ValueError):
            if low <= kind(text) <= high:
                return kind(text)
        expected = "whole number" if kind is int else "number"
        raise argparse.ArgumentTypeError(f"expected a {expected} from {low:g} to {high:.9g}, received {text!r}")

    return parse


_COUNT = _number(int, 1)
_STEPS = _number(int, 1, 1_000_000_000)
_SIDE = _number(int, 1, _LARGEST_SIDE)
_SEED = _number(int, 0, 2**32 - 1)
_PIXELS = _number(int, 1, _LARGEST_SIDE**2)
_RATE = _number(float, 1e-8, 1000)
_SOURCES = (
    "subject, saliency (what stands out), cam (where a classifier looks, often a part), alpha, "
    "box:LEFT,TOP,RIGHT,BOTTOM, or a picture of the same size that is white there"
)
_COLORS = {"choices": ("style", "keep", "only"), "help": "keep: the photograph's own colors; only: the style's alone"}
_AS_PRINTED = "with the paper's own layers, weights and units"
_PRECISION = "of the networks; auto is bfloat16 where the processor multiplies it (%(default)s)"


def _add_stylize(commands) -> None:
    parser = commands.add_parser("stylize", help="apply a trained style to pictures and clips")
    parser.add_argument(
        "inputs", nargs="*", metavar="INPUT", help="picture, clip, folder, pattern, sample:NAME, or - for stdin"
    )
    message = "a style, or a painting's file; several are blended"
    parser.add_argument("--style", "-s", action="append", metavar="S", help=message)
    message = "with a painting: bring its predicted style nearer to it, for so many seconds first"
    parser.add_argument("--tune", type=_number(float, 1, _LONGEST), metavar="SECONDS", help=message)
    parser.add_argument("--blend", type=_shares, metavar="A,B", help="how much each of several styles counts (alike)")
    parser.add_argument("--output", "-o", metavar="OUT", help="file, - for stdout, or for several inputs a folder")
    parser.add_argument("--max-size", type=_SIDE, metavar="PX", help="shrink to this longest side first")
    parser.add_argument(
        "--strength", type=_number(float, 0, 1), default=1.0, help="0 the photograph ... 1 the full style"
    )
    message = f"less style here: {_SOURCES}"
    parser.add_argument("--protect", metavar="SOURCE", help=message)
    message = "the strength where it is protected (%(default)g)"
    parser.add_argument("--protect-strength", type=_number(float, 0, 1), default=0.4, metavar="S", help=message)
    parser.add_argument("--color", default="style", **_COLORS)
    parser.add_argument(
        "--bits", type=int, choices=(8, 16), default=8, help="per color of the result (16: PNG and TIFF)"
    )
    message = "show the result as the printer of this ICC profile would print it"
    parser.add_argument("--proof", metavar="FILE", help=message)
    parser.add_argument("--max-pixels", type=_PIXELS, metavar="N", help="refuse larger inputs (100 million)")
    message = "of clips: 0 each frame for itself ... 1 strokes stay as long as they can (%(default)g)"
    parser.add_argument("--steadiness", type=_number(float, 0, 1), default=0.6, metavar="S", help=message)
    message = "threads: reading, the net and writing at once; ray: on workers of Ray (%(default)s)"
    parser.add_argument("--engine", choices=("threads", "ray"), default="threads", help=message)
    parser.add_argument("--workers", type=_COUNT, default=1, metavar="N", help="of Ray, each with a net (%(default)s)")
    parser.add_argument("--address", metavar="HOST:PORT", help="of a running Ray cluster (default: started here)")
    parser.add_argument("--json", action="store_true", help="one line of JSON on stdout for each result")
    parser.add_argument("--list", action="store_true", help="list the styles and exit")


def _add_sheet(commands) -> None:
    parser = commands.add_parser("sheet", help="show photographs in all styles and strengths, as one picture")
    add = parser.add_argument
    add("inputs", nargs="+", metavar="PHOTO", help="picture, folder, pattern, sample:NAME, or - for stdin")
    add("--style", "-s", action="append", metavar="NAME_OR_PATH", help="may be repeated (all that --list shows)")
    message = "a row for each, 0 the photograph ... 1 the full style (1)"
    add("--strengths", type=_strengths, default=[1.0], metavar="A,B", help=message)
    message = "photographs are shrunk to this longest side, as strokes have a fixed size (%(default)s)"
    add("--max-size", type=_number(int, 32, _LARGEST_SIDE), default=512, metavar="PX", help=message)
    add("--height", type=_number(int, 32, _LARGEST_SIDE), default=320, metavar="PX", help="of each row (%(default)s)")
    add("--color", default="style", **_COLORS)
    add("--output", "-o", default="sheet.png", metavar="OUT", help="file, or - for stdout (%(default)s)")


def _add_info(commands) -> None:
    parser = commands.add_parser("info", help="show versions, devices, styles and the extras that are installed")
    parser.add_argument("--json", action="store_true", help="as one JSON document")


def _add_train(commands) -> None:
    parser = commands.add_parser("train", help="learn a new style from a painting or a collection")
    defaults = {field.name: field.default for field in dataclasses.fields(TrainingOptions) if field.name != "weights"}
    parser.set_defaults(**defaults, weights={})
    add = parser.add_argument
    message = (
        "the painting; for a net of many styles one or several paintings or folders of them, of each of which a batch "
        f"has one; for {' and '.join(ADVERSARIAL)} a collection: a folder or tfds:NAME[:SPLIT]"
    )
    add("--style", required=True, nargs="+", metavar="IMG", help=message)
    add("--content", metavar="SRC", help="photographs: a folder or tfds:NAME[:SPLIT] (default: built-in samples)")
    add("--validation", metavar="SRC", help="other photographs, as --content: their losses are logged after each epoch")
    add("--download", action="store_true", help="let TensorFlow Datasets download")
    add("--recipe", choices=(*TRAINING, *ADVERSARIAL), help="(%(default)s)")
    add("--as-printed", action="store_true", help=_AS_PRINTED)
    add("--steps", type=_STEPS, metavar="N", help="steps in all (%(default)s)")
    message = "in place of --steps: times that each photograph is seen"
    add("--epochs", type=_number(float, 1e-3), metavar="N", help=message)
    add("--size", type=_number(int, 32, _LARGEST_SIDE), metavar="PX", help="side of the training crops (%(default)s)")
    add("--batch", type=_COUNT, metavar="N", help="crops in a batch (%(default)s)")
    message = "johnson: the paper's; lite: several times as fast; unet and unet-lite: many styles at once (%(default)s)"
    add("--net", choices=NETS, help=message)
    add(
        "--style-size",
        type=_number(int, 32, _LARGEST_SIDE),
        metavar="PX",
        help="the painting's shorter side (%(default)s)",
    )
    add("--keep", type=_names, metavar="WHAT", help="of the photograph: cam, edge, color, or several with commas")
    _add_weights(parser, "content", "style", "tv", "cam", "category", "edge", "color")
    _add_weights(parser, "adversarial", "salient", "saliency_content", "saliency")
    message = (
        "sdp_gan: what its saliency net is taught: rbd+mbd, the paper's; subject, a net's; or a folder of maps with "
        "the photographs' names (%(default)s)"
    )
    add("--saliency", metavar="WHAT", help=message)
    message = "sdp_gan: keep what the saliency net sees from the generator"
    add("--no-concatenation", dest="concatenate", action="store_false", help=message)
    message = "how generator and discriminator play, for a collection (%(default)s)"
    add("--game", choices=("log", "least-squares", "hinge"), help=message)
    add("--spectral-norm", action="store_true", help="a discriminator of limited slope, for a collection")
    for place, terms in enumerate(("perceptual", "region"), 1):
        message = f"factor of all {terms} terms (1)"
        add(f"--lambda{place}", type=_number(float, 0), default=1.0, metavar="L", help=message)
    add("--classifier", metavar="NAME", help="its activation maps are kept (%(default)s, or of keras.applications)")
    add("--classifier-weights", metavar="FILE", help="its weights (%(default)s)")
    add("--classifier-classes", type=_COUNT, metavar="N", help="its number of classes (%(default)s)")
    add(
        "--classifier-size",
        type=_number(int, 32, _LARGEST_SIDE),
        metavar="PX",
        help="what it sees pictures at (its own size)",
    )
    add("--lr", dest="learning_rate", type=_RATE, metavar="RATE", help="of Adam (the recipe's)")
    add("--seed", type=_SEED, metavar="N", help="of the first weights and all draws (%(default)s)")
    add("--init", metavar="MODEL", help="start from this style: minutes instead of hours")
    add("--output", "-o", metavar="DIR", help="the style's folder (default: saved_models/<painting>)")
    add("--overwrite", action="store_true", help="replace a style that the folder holds, when the training has ended")
    add("--resume", action="store_true", help="go on with an unfinished training")
    add("--mixed-precision", choices=("auto", "off", "float16", "bfloat16"), help=_PRECISION)
    add("--devices", type=_COUNT, metavar="N", help="that share each batch (%(default)s)")
    add("--vgg-weights", metavar="FILE", help="HDF5 weights of VGG16 in place of the embedded ones, or imagenet")


def _add_weights(parser, *terms: str) -> None:
    for term in terms:
        message = f"of the {term} term (default: the recipe's)"
        option = f"--{term.replace('_', '-')}-weight"
        parser.add_argument(option, action=_Weight, type=_number(float, 0), metavar="W", help=message)


def _names(text: str) -> list[str]:
    return text.split(",")


def _add_evaluate(commands) -> None:
    parser = commands.add_parser("evaluate", help="measure styles on photographs")
    add = parser.add_argument
    message = "a style, or a folder of results named like the photographs; several are compared"
    add("--model", action="append", required=True, metavar="[LABEL=]MODEL", help=message)
    add("--photos", required=True, metavar="DIR", help="the photographs' folder")
    message = "the painting; or a folder or tfds:NAME of many, that the results are compared with as a whole"
    add("--style", required=True, metavar="IMG_OR_SET", help=message)
    message = (
        "HDF5 weights of InceptionV3 with its classifier, for the distances of sets (Keras's cache, or VGG16 instead)"
    )
    add("--inception-weights", metavar="FILE", help=message)
    add(
        "--size",
        type=_number(int, 64, _LARGEST_SIDE),
        default=256,
        metavar="PX",
        help="photographs become squares (%(default)s)",
    )
    add("--limit", type=_number(int, 2), metavar="N", help="take the first photographs only")
    add("--report", metavar="DIR", help="write tables and pictures to this folder")
    add("--json", action="store_true", help="one JSON document on stdout in place of the table")


def _add_saliency(commands) -> None:
    parser = commands.add_parser("saliency", help="show where the subject of a photograph is")
    add = parser.add_argument
    add("inputs", nargs="+", metavar="PHOTO", help="picture, folder, pattern, sample:NAME, or - for stdin")
    add("--output", "-o", metavar="OUT", help="file, - for stdout, or for several photographs a folder")
    message = (
        "subject: a net that learned subjects; rbd, mbd and their mean tell them from colors and the border; "
        "cam: where a classifier looks, often a part (%(default)s)"
    )
    add("--method", choices=("subject", "rbd+mbd", "rbd", "mbd", "cam"), default="subject", help=message)


def _add_frames(commands) -> None:
    parser = commands.add_parser("frames", help="take pictures to learn a style from out of a film")
    add = parser.add_argument
    add("film", metavar="FILM", help="a file of any format that FFmpeg reads")
    add("--output", "-o", required=True, metavar="DIR", help="folder of the frames, FILM-000000.jpg ...")
    message = "look at a frame each so many seconds, at all with 0 (%(default)g)"
    add("--every", type=_number(float, 0, _LONGEST), default=1.0, metavar="S", help=message)
    message = "drop a frame with this structural similarity to an earlier one (%(default)g)"
    add("--ssim", type=_number(float, 0, 1), default=0.85, metavar="S", help=message)
    message = "or with this peak signal-to-noise ratio in decibels (%(default)g)"
    add("--psnr", type=_number(float, 0), default=30.0, metavar="DB", help=message)
    add("--max-size", type=_number(int, 16, _LARGEST_SIDE), metavar="PX", help="shrink to this longest side")


def _add_optimize(commands) -> None:
    parser = commands.add_parser("optimize", help="restyle one picture by optimizing its pixels")
    add = parser.add_argument
    add("content", metavar="CONTENT", help="picture, sample:NAME, or - for stdin")
    add("style", nargs="+", metavar="STYLE", help="painting; several are blended, or go to one mask each")
    add("--output", "-o", metavar="OUT", help="file, or - for stdout (default: CONTENT-STYLE.png)")
    _add_pixels(parser)
    add(
        "--end-size",
        type=_number(int, 32, _LARGEST_SIDE),
        metavar="PX",
        help="longest side of the result (default: the recipe's)",
    )
    add("--color", **_COLORS)
    add("--blend", type=_shares, metavar="A,B", help="how much each of several paintings counts (alike)")
    message = f"what is restyled: {_SOURCES}; one for each region"
    add("--content-mask", action="append", default=[], metavar="SOURCE", help=message)
    message = "where in the painting a region takes its style from, in the order of the content masks"
    add("--style-mask", action="append", default=[], metavar="SOURCE", help=message)
    add("--save-every", type=_COUNT, metavar="N", help="write a preview beside OUT each so many steps")
    add("--report", metavar="DIR", help="write a page of the pictures, the losses and the options")
    add("--json", action="store_true", help="one line of JSON on stdout")


def _add_pixels(parser) -> None:
    """The arguments that `PixelOptions` is made of."""
    parser.set_defaults(**{**_defaults(PixelOptions), "weights": {}})
    add = parser.add_argument
    add("--recipe", choices=PIXELS, help="(%(default)s)")
    add("--as-printed", action="store_true", help=_AS_PRINTED)
    _add_weights(parser, "content", "style", "tv")
    add("--statistic", choices=("gram", "high-order", "gaussian"), help="what stands for a style (the recipe's)")
    add("--style-scale", type=_number(float, 0.1, 10), metavar="F", help="size of the strokes (%(default)s)")
    add("--init", metavar="WHAT", help="start from content, noise or a FILE (%(default)s)")
    add("--optimizer", choices=("lbfgs", "adam"), help="(the recipe's)")
    add("--iterations", type=_COUNT, metavar="N", help="steps at each scale, at most (the recipe's)")
    message = "end a scale when ten steps lower the loss by less than this part of it (%(default)s)"
    add("--least-improvement", type=_number(float, 0), metavar="PART", help=message)
    add("--lr", dest="learning_rate", type=_RATE, metavar="RATE", help="of Adam (the recipe's)")
    add("--average", action="store_true", help="with Adam: a running mean of its pictures, which is smoother")
    add(
        "--start-size",
        type=_number(int, 32, _LARGEST_SIDE),
        metavar="PX",
        help="coarse to fine from this longest side (the recipe's)",
    )
    add("--backbone", choices=("vgg16", "vgg19"), help="(the recipe's)")
    add("--pooling", choices=("max", "average"), help="(the recipe's)")
    add("--layers", dest="style_layers", type=_names, metavar="A,B", help="of style, relu1_1,relu2_1 (the recipe's)")
    add("--content-layers", type=_names, metavar="A,B", help="(the recipe's)")
    add("--mask-rule", dest="rule", choices=("simple", "inside", "all"), help="at outlines of masks (%(default)s)")
    add(
        "--tile",
        type=_number(int, 128, _LARGEST_SIDE),
        metavar="PX",
        help="measure large pictures in windows of this side",
    )
    add("--mixed-precision", choices=("auto", "off", "bfloat16"), help=_PRECISION)
    add("--seed", type=_SEED, metavar="N", help="of the noise (%(default)s)")
    add("--vgg-weights", metavar="FILE", help="HDF5 weights of VGG in place of the embedded ones, or imagenet")


def _defaults(options: type) -> dict:
    return {field.name: field.default for field in dataclasses.fields(options)}


def _add_partial(commands) -> None:
    parser = commands.add_parser("partial", help="restyle a selected part of a photograph")
    add = parser.add_argument
    add("photo", metavar="PHOTO", help="picture, sample:NAME, or - for stdin")
    add("--style", "-s", required=True, metavar="S", help="a style by name or folder, or the file of a painting")
    add("--background-style", metavar="S", help="for all that is not selected (left as it is)")
    add("--output", "-o", metavar="OUT", help="file, or - for stdout (default: PHOTO-partial.png)")
    add("--max-size", type=_SIDE, metavar="PX", help="shrink to this longest side first")
    _add_masks(parser)
    _add_pixels(parser.add_argument_group("with a painting"))


def _add_harmonize(commands) -> None:
    parser = commands.add_parser("harmonize", help="make an object pasted into a painting look painted there")
    parser.set_defaults(**{**_defaults(HarmonizeOptions), "weights": {}})
    add = parser.add_argument
    add("background", metavar="BG", help="the painting: picture, sample:NAME, or - for stdin")
    add("paste", metavar="PASTE", help="BG with the object in it, of BG's size; or a picture of the object alone")
    add("--output", "-o", metavar="OUT", help="file, or - for stdout (default: BG-harmonized.png)")
    message = f"where the object is in PASTE: {_SOURCES} (found by itself)"
    add("--mask", metavar="SOURCE", help=message)
    message = "a pixel of the plain background around the object (default: the corners); may be repeated"
    add("--select", type=_whole_numbers("X,Y"), action="append", default=[], metavar="X,Y", help=message)
    add("--at", type=_whole_numbers("X,Y"), metavar="X,Y", help="where the object's center goes in BG (BG's center)")
    message = "of the object's sides (default: it fits into half of BG's)"
    add("--scale", type=_number(float, 1e-3, 1000), metavar="S", help=message)
    add("--rotate", type=_number(float, -360, 360), metavar="DEG", help="turn the object counterclockwise")
    message = "from 0, the object as it is, to 1, strokes at any cost (auto)"
    add("--style-strength", type=_strength, metavar="auto|0..1", help=message)
    message = "draft optimizes a small picture, good all of it, best longer (%(default)s)"
    add("--quality", choices=("draft", "good", "best"), help=message)
    add("--backbone", choices=("vgg16", "vgg19"), help="(%(default)s)")
    add("--vgg-weights", metavar="FILE", help="HDF5 weights of VGG in place of the embedded ones, or imagenet")
    add("--mixed-precision", choices=("auto", "off", "bfloat16"), help=_PRECISION)
    add("--keep-mask", metavar="FILE", help="write where the object is in BG")
    add("--report", metavar="DIR", help="write a page of the pictures and losses, and what is measured")
    message = "another result of the same, for the report; may be repeated"
    add("--compare", action="append", default=[], metavar="[LABEL=]FILE", help=message)
    add("--json", action="store_true", help="one line of JSON on stdout")


def _add_export(commands) -> None:
    parser = commands.add_parser("export", help="write styles for servers and other runtimes")
    add = parser.add_argument
    add("styles", nargs="+", metavar="STYLE", help="a style by name or folder")
    formats = ("saved_model", "onnx", "litert", "litert-int8")
    add("--format", choices=formats, default="saved_model", help="(%(default)s)")
    message = "the only height and width in pixels that it shall take, or any from 16x16 (any)"
    add("--size", type=_size, metavar="HxW|any", help=message)
    add("--output", "-o", metavar="DIR", default="exported", help="(%(default)s)")


def _add_client(commands) -> None:
    parser = commands.add_parser("client", help="apply a style that TensorFlow Serving holds")
    add = parser.add_argument
    add("url", metavar="URL", help="HOST:PORT, or with http:// or https:// before it")
    add("inputs", nargs="+", metavar="PHOTO", help="picture, folder, pattern, sample:NAME, or - for stdin")
    add("--style", "-s", metavar="NAME", default="starry_night", help="its name on the server (%(default)s)")
    protocols = parser.add_mutually_exclusive_group()
    parser.set_defaults(protocol="rest")
    ports = {"rest": "the default; port 8501 of TensorFlow Serving", "grpc": "less to send; port 8500"}
    for protocol, message in ports.items():
        protocols.add_argument(f"--{protocol}", dest="protocol", action="store_const", const=protocol, help=message)
    add("--output", "-o", metavar="OUT", help="file, - for stdout, or for several pictures a folder")
    add(
        "--timeout",
        type=_number(float, 0.001, _LONGEST),
        default=60.0,
        metavar="S",
        help="seconds for a picture (%(default)g)",
    )


def _add_app(commands) -> None:
    parser = commands.add_parser("app", help="all this in a browser")
    add = parser.add_argument
    message = "address of this computer to serve at; 0.0.0.0 for everybody who can reach it (%(default)s)"
    add("--host", default="127.0.0.1", metavar="ADDRESS", help=message)
    add("--port", type=_number(int, 0, 65535), default=7860, metavar="N", help="0 for any that is free (%(default)s)")
    message = "a name that browsers reach it by, where it is not the address; may be repeated"
    add("--name", action="append", default=[], metavar="NAME", help=message)
    add("--share-dir", metavar="DIR", help="keep results in this folder, too (they go with the server)")
    message = "refuse pictures of more pixels (%(default)s)"
    add("--max-pixels", type=_PIXELS, default=50_000_000, metavar="N", help=message)


def _size(text: str) -> tuple[int, int] | None:
    if text == "any":
        return None
    with contextlib.suppress(ValueError, argparse.ArgumentTypeError):
        height, width = map(_number(int, 16, _LARGEST_SIDE), text.split("x"))
        return height, width
    expected = f"HxW in whole numbers from 16 to {_LARGEST_SIDE}, or any"
    raise argparse.ArgumentTypeError(f"expected {expected}, received {text!r}")


def _strength(text: str) -> float | None:
    return None if text == "auto" else _number(float, 0, 1)(text)


def _add_masks(parser) -> None:
    add = parser.add_argument_group("selecting a part of the picture").add_argument
    message = "select what is joined to this pixel by colors like its own; may be repeated"
    add("--select", type=_whole_numbers("X,Y"), action="append", metavar="X,Y", help=message)
    message = "how far colors may be from the pixel's, in units of CIELAB (%(default)g)"
    add("--tolerance", type=_number(float, 0, 100), default=12.0, metavar="T", help=message)
    add("--rect", type=_whole_numbers("X,Y,W,H"), metavar="X,Y,W,H", help="select a box")
    message = f"select {_SOURCES}"
    add("--mask", metavar="SOURCE", help=message)
    add("--largest", action="store_true", help="of several pieces only the largest")
    message = "move the outline to where the colors part (GrabCut), softly in hair and fur"
    add("--refine", action="store_true", help=message)
    add("--invert", action="store_true", help="everything but what is selected")
    message = "soften the outline over so many pixels on either side (%(default)g)"
    add("--feather", type=_number(float, 0, 1000), default=2.0, metavar="PX", help=message)
    add("--save-mask", metavar="FILE", help="write the mask, to be drawn on and given back with --mask")
    add("--show-mask", metavar="FILE", help="write the picture with what is not selected in gray")


def _whole_numbers(form: str):
    """A parser of whole numbers from 0 on with commas between them, as many as `form` has."""

    def parse(text: str):
        with contextlib.suppress(argparse.ArgumentTypeError):
            numbers = tuple(map(_number(int, 0), text.split(",")))
            if len(numbers) == len(form.split(",")):
                return numbers
        raise argparse.ArgumentTypeError(f"expected {form} in whole numbers from 0 to {_MOST}, received {text!r}")

    return parse


def _strengths(text: str) -> list[float]:
    return [_number(float, 0, 1)(strength) for strength in text.split(",")]


def _shares(text: str) -> list[float]:
    with contextlib.suppress(argparse.ArgumentTypeError):
        shares = [_number(float, 0)(share) for share in text.split(",")]
        if sum(shares) > 0:
            return shares
    raise argparse.ArgumentTypeError(f"expected positive numbers up to {_MOST} with commas, received {text!r}")


class _Weight(argparse.Action):
    """Collects the weights of terms."""

    def __call__(self, parser, namespace, value, option_string=None):
        namespace.weights = {**namespace.weights, self.dest.removesuffix("_weight"): value}
