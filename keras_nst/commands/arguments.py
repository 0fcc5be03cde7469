"""The arguments of each command: the options of its job, and what is read and written.

Nothing that takes long to import is imported here, so that the help appears at once.
"""

from collections.abc import Sequence
from functools import partial

from keras_nst.fields import LARGEST_SIDE, Choice, Listed, Number, Shares, Switch, Text, Whole, field, options
from keras_nst.options import (
    COUNT,
    NEEDED,
    SECONDS,
    SOURCES,
    HarmonizeOptions,
    PixelOptions,
    SelectionOptions,
    StylizeOptions,
    TrainingOptions,
    classifier,
    classifier_weights,
    colors,
    part,
    side,
)

_PIXELS = Whole(1, LARGEST_SIDE**2)
_given = partial(field, positional=True)
_pictures = partial(
    _given, "picture, folder, pattern, sample:NAME, or - for stdin", Text("PHOTO"), NEEDED, several="some"
)
_picture = partial(_given, "picture, sample:NAME, or - for stdin")
_show_mask = partial(field, "write the picture with what is not selected in gray", Text("FILE"))


def _json(help: str = "one line of JSON on stdout") -> bool:
    return field(help, Switch(), default=False)


def _output(help: str, default: str | None = None, **more: str) -> str:
    return field(help, Text("OUT"), default=default, short="-o", **more)


@options
class Stylize(StylizeOptions):
    """Apply trained styles to pictures and clips.

    keras-nst stylize photo.jpg --style starry_night
    """

    inputs: Sequence[str] = _given(
        "picture, clip, folder, pattern, sample:NAME, or - for stdin", Text("INPUT"), default=(), several="any"
    )
    output: str | None = _output("file, - for stdout, or for several inputs a folder")
    tune: float | None = field(
        "with a painting: first tune its predicted style for this time", Number(1, SECONDS, "SECONDS")
    )
    show_mask: str | None = _show_mask()
    max_size: int | None = field("shrink to this longest side first", side(1))
    bits: int = field("bits per color of the result; 16 for PNG and TIFF", Choice((8, 16)), default=8)
    max_pixels: int | None = field("refuse larger inputs", _PIXELS, unset="100 million")
    steadiness: float = field(
        "of clips: from 0, each frame by itself, to 1, the longest-lasting strokes", part(), default=0.6
    )
    engine: str = field(
        "threads: reading, the net and writing at once; ray: on workers of Ray",
        Choice(("threads", "ray")),
        default="threads",
    )
    workers: int = field("number of Ray's workers, each with a net", COUNT, default=1)
    address: str | None = field("a running Ray cluster", Text("HOST:PORT"), unset="one is started here")
    json: bool = _json("one line of JSON on stdout for each result")
    list: bool = field("list the styles and exit", Switch(), default=False)


@options
class Sheet:
    """Show photographs in all styles and strengths, as one picture.

    keras-nst sheet photo.jpg --strengths 0.5,1 -o sheet.jpg
    """

    inputs: Sequence[str] = _pictures()
    style: Sequence[str] = field(
        "name, folder or a painting's file; may be repeated (default: all styles)",
        Text("S"),
        default=(),
        several="any",
        short="-s",
    )
    strengths: Sequence[float] = field(
        "a row for each, from 0, the photograph, to 1, the full style (default: 1)",
        Listed(part(), "A,B"),
        default=(1.0,),
    )
    max_size: int = field(
        "photographs are shrunk to this longest side, as strokes have a fixed size", side(32), default=512
    )
    height: int = field("height of the widest photograph; upright ones are higher", side(32), default=320)
    columns: int = field("pictures beside each other; more go on below", COUNT, default=9)
    color: str = colors("style")
    output: str = _output("file, or - for stdout", default="sheet.png")


@options
class Info:
    """Show versions, devices, styles and the extras that are installed.

    keras-nst info
    """

    json: bool = _json("as one JSON document")


@options
class Evaluate:
    """Measure styles on photographs.

    keras-nst evaluate --model starry_night --photos photographs/ --style starry.jpg
    """

    model: Sequence[str] = field(
        "a style, a painting's file, or a folder of results named like the photographs; several are compared",
        Text("[LABEL=]MODEL"),
        default=NEEDED,
        several="some",
    )
    photos: str = field("the photographs' folder", Text("DIR"), default=NEEDED)
    style: str = field(
        "the painting; or a folder or tfds:NAME of many, that the results are compared with as a whole",
        Text("IMG_OR_SET"),
        default=NEEDED,
    )
    download: bool = field("let TensorFlow Datasets download the set", Switch(), default=False)
    inception_weights: str | None = field(
        "HDF5 weights of InceptionV3 with its classifier, for the distances of sets",
        Text("FILE"),
        unset="Keras's cache, or VGG16 instead",
    )
    classifier: str = classifier("efficientnet_lite0")
    classifier_weights: str = classifier_weights()
    size: int = field("photographs become squares of this side", side(64), default=256)
    limit: int | None = field("take only the first photographs", Whole(2))
    report: str | None = field("write tables and pictures to this folder", Text("DIR"))
    json: bool = _json("one JSON document on stdout in place of the table")


@options
class Saliency:
    """Show where the subject of a photograph is.

    keras-nst saliency photo.jpg -o map.png
    """

    inputs: Sequence[str] = _pictures()
    output: str | None = _output("file, - for stdout, or for several photographs a folder")
    method: str = field(
        "subject: a net that learned subjects; rbd, mbd and their mean tell them from colors and the border; "
        "cam: where a classifier looks, often a part",
        Choice(("subject", "rbd+mbd", "rbd", "mbd", "cam")),
        default="subject",
    )


@options
class Frames:
    """Extract different frames of a film, to learn a style from.

    keras-nst frames film.mp4 -o frames/
    """

    film: str = _given("a file of any format that FFmpeg reads", Text("FILM"), default=NEEDED)
    output: str = field("folder of the frames, FILM-000000.jpg ...", Text("DIR"), default=NEEDED, short="-o")
    every: float = field(
        "seconds between the frames that are looked at; 0 for all", Number(0, SECONDS, "S"), default=1.0
    )
    ssim: float = field("drop a frame with this structural similarity to an earlier one", part(), default=0.85)
    psnr: float = field("or with this peak signal-to-noise ratio in decibels", Number(0, metavar="DB"), default=30.0)
    max_size: int | None = field("shrink to this longest side", side(16))


@options
class Optimize(PixelOptions):
    """Restyle one picture by optimizing its pixels.

    keras-nst optimize photo.jpg painting.jpg -o result.png
    """

    content: str = _picture(Text("CONTENT"), NEEDED)
    style: Sequence[str] = _given(
        "painting; several are blended, or go to one mask each", Text("STYLE"), default=NEEDED, several="some"
    )
    output: str | None = _output("file, or - for stdout", unset="CONTENT-STYLE.png")
    blend: Sequence[float] | None = field("share of each of several paintings", Shares(), unset="equal shares")
    content_mask: Sequence[str] = field(
        f"what is restyled: {SOURCES}; one for each region", Text("SOURCE"), default=(), several="any"
    )
    style_mask: Sequence[str] = field(
        "where in the painting a region takes its style from, in the order of the content masks",
        Text("SOURCE"),
        default=(),
        several="any",
    )
    show_mask: str | None = _show_mask()
    save_every: int | None = field("write a preview next to OUT every N steps", COUNT)
    report: str | None = field("write a page of the pictures, the losses and the options", Text("DIR"))
    json: bool = _json()


@options
class Partial(SelectionOptions, PixelOptions):
    """Restyle a selected part of a photograph.

    keras-nst partial photo.jpg --style starry_night --mask subject --invert
    """

    photo: str = _picture(Text("PHOTO"), NEEDED)
    style: str = field("a style by name or folder, or the file of a painting", Text("S"), default=NEEDED, short="-s")
    background_style: str | None = field("for what is not selected", Text("S"), unset="it stays as it is")
    output: str | None = _output("file, or - for stdout", unset="PHOTO-partial.png")
    max_size: int | None = field("shrink to this longest side first", side(1))
    save_mask: str | None = field("write the mask, to be drawn on and given back with --mask", Text("FILE"))
    show_mask: str | None = _show_mask()


@options
class Harmonize(HarmonizeOptions):
    """Make an object pasted into a painting look painted there.

    keras-nst harmonize painting.jpg object.png --at 300,200 -o result.png
    """

    background: str = _given("the painting: picture, sample:NAME, or - for stdin", Text("BG"), default=NEEDED)
    paste: str = _given(
        "BG with the object in it, of BG's size; or a picture of the object alone", Text("PASTE"), default=NEEDED
    )
    output: str | None = _output("file, or - for stdout", unset="BG-harmonized.png")
    mask: str | None = field(f"where the object is in PASTE: {SOURCES}", Text("SOURCE"), unset="it is found")
    select: Sequence[tuple[int, int]] = field(
        "a pixel of the plain background around the object (default: the corners); may be repeated",
        Listed(Whole(0), "X,Y", exact=True),
        default=(),
        several="any",
    )
    at: tuple[int, int] | None = field(
        "where the object's center goes in BG", Listed(Whole(0), "X,Y", exact=True), unset="BG's center"
    )
    scale: float | None = field(
        "of the object's sides", Number(1e-3, 1000, "S"), unset="it fits into half of BG's sides"
    )
    rotate: float | None = field("turn the object counterclockwise", Number(-360, 360, "DEG"))
    keep_mask: str | None = field(
        "write where the object is in PASTE, to be drawn on and given back with --mask", Text("FILE")
    )
    show_mask: str | None = _show_mask()
    report: str | None = field("write a page of the pictures and losses, and what is measured", Text("DIR"))
    compare: Sequence[str] = field(
        "another result of the same, for the report; may be repeated", Text("[LABEL=]FILE"), default=(), several="any"
    )
    json: bool = _json()


@options
class Export:
    """Write styles for servers and other runtimes.

    keras-nst export starry_night --format onnx -o exported/
    """

    styles: Sequence[str] = _given(
        "a style by name or folder, or a painting's file", Text("STYLE"), default=NEEDED, several="some"
    )
    format: str = field("file format", Choice(("saved_model", "onnx", "litert", "litert-int8")), default="saved_model")
    size: tuple[int, int] | None = field(
        "the only size in pixels that it takes",
        Listed(Whole(16, LARGEST_SIDE), "HxW", exact=True, separator="x"),
        unset="any from 16x16",
    )
    output: str = field("folder", Text("DIR"), default="exported", short="-o")


@options
class Client:
    """Apply a style that TensorFlow Serving holds.

    keras-nst client localhost:8501 photo.jpg --style starry_night
    """

    url: str = _given("HOST:PORT, or with http:// or https:// before it", Text("URL"), default=NEEDED)
    inputs: Sequence[str] = _pictures()
    style: str = field("its name on the server", Text("NAME"), default="starry_night", short="-s")
    protocol: str = field(
        "rest: port 8501 of TensorFlow Serving; grpc: less to send, port 8500", Choice(("rest", "grpc")), default="rest"
    )
    output: str | None = _output("file, - for stdout, or for several pictures a folder")
    timeout: float = field("seconds for a picture", Number(0.001, SECONDS, "S"), default=60.0)


@options
class App:
    """Serve all this as a page for browsers.

    keras-nst app --port 8000
    """

    host: str = field(
        "address of this computer to serve at; 0.0.0.0 for everybody who can reach it",
        Text("ADDRESS"),
        default="127.0.0.1",
    )
    port: int = field("0 for any that is free", Whole(0, 65535), default=7860)
    name: Sequence[str] = field(
        "a name that browsers reach it by, where it is not the address; may be repeated",
        Text("NAME"),
        default=(),
        several="any",
    )
    share_dir: str | None = field("also keep results in this folder", Text("DIR"))
    max_pixels: int = field("refuse pictures of more pixels", _PIXELS, default=50_000_000)


COMMANDS = {
    "stylize": Stylize,
    "sheet": Sheet,
    "info": Info,
    "train": TrainingOptions,
    "evaluate": Evaluate,
    "saliency": Saliency,
    "frames": Frames,
    "optimize": Optimize,
    "partial": Partial,
    "harmonize": Harmonize,
    "export": Export,
    "client": Client,
    "app": App,
}
"""The arguments of each command. The module of its name in `keras_nst.commands` runs it."""
