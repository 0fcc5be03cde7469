"""The folder of a training: what it was asked, its checkpoints, its log."""

import json
from pathlib import Path

from filelock import FileLock, Timeout

from keras_nst.console import Console
from keras_nst.errors import InputError
from keras_nst.files import replacing
from keras_nst.fit import checkpoints
from keras_nst.fit.curves import curves, read_losses
from keras_nst.fit.trainer import Trainer
from keras_nst.models.styles import MODEL, PAINTER, PREVIEW

OPTIONS, LOG, LOSSES, LOCK = "options.json", "log.csv", "losses.png", "lock"

ADJUSTABLE = ("devices", "epochs", "learning_rate", "steps", "weights")
"""What may change when a training is resumed, to save one whose loss explodes or to let it run on."""


class TrainingFolder:
    """`training/` in the folder of a style. Nothing else in that folder changes before the training ends.

    Args:
        style: The style's folder.
    """

    def __init__(self, style: Path):
        self._style, self.path = style, style / "training"
        self._lock = FileLock(self.path / LOCK)

    @property
    def can_be_resumed(self) -> bool:
        """Whether a training has not ended, and has a checkpoint."""
        return any((self.path / name).is_file() for name in (checkpoints.NEWEST, checkpoints.BEFORE))

    def check_free(self, *, overwrite: bool) -> None:
        """Refuse a folder in which a training would replace what is not to be lost.

        Raises:
            InputError: It holds an unfinished training, or a style that may not be overwritten.
        """
        if self.can_be_resumed:
            message = "holds an unfinished training. Pass `resume` to go on, or remove that folder."
            raise InputError(f"{self.path} {message}")
        if any((self._style / net).exists() for net in (MODEL, PAINTER)) and not overwrite:
            raise InputError(
                f"{self._style} holds a style. Choose another `output`, or pass `overwrite` to replace it in the end."
            )

    def check_same(self, facts: dict) -> None:
        """Refuse to resume what is not there, or what was another training.

        Args:
            facts: What determines the training that is to be resumed.

        Raises:
            InputError: There is no unfinished training, or another one.
        """
        stored = self.path / OPTIONS
        if not stored.is_file() and self.can_be_resumed:
            raise InputError(f"{stored} is missing, which says what was trained. Remove {self.path} to begin anew.")
        if not stored.is_file():
            raise InputError(f"{self.path} holds no unfinished training. Leave out `resume`, or check `output`.")
        try:
            before = dict(json.loads(stored.read_text("utf-8")))
        except (ValueError, TypeError, RecursionError) as error:
            raise InputError(f"{stored} is damaged ({error}). Remove {self.path} to begin anew.") from error
        if changed := [key for key, value in facts.items() if key not in ADJUSTABLE and before.get(key) != value]:
            changes = ", ".join(f"{key} {before.get(key)!r} became {facts[key]!r}" for key in changed)
            raise InputError(f"The training in {self.path} was another one: {changes}. Resume it with its own options.")

    def claim(self, facts: dict) -> None:
        """Make the folder, for this training alone until `release`, and note what determines it.

        Raises:
            InputError: Another process trains here, or the folder cannot be written.
        """
        with replacing(self.path / OPTIONS) as temporary:
            try:
                self._lock.acquire(timeout=0)
            except Timeout as error:
                message = "Wait for it, or choose another `output`."
                raise InputError(f"Another training runs in {self.path}. {message}") from error
            temporary.write_text(json.dumps(facts, indent=2) + "\n", "utf-8")
        for leftover in self.path.glob(f".*-{checkpoints.NEWEST}"):  # Of a process that was killed as it wrote.
            leftover.unlink()

    def restore(self, trainer: Trainer, console: Console) -> None:
        """Bring a trainer to the newest checkpoint, where there is one.

        Raises:
            InputError: No checkpoint can be read.
        """
        checkpoints.restore(self.path, trainer.state, console.line)

    def release(self) -> None:
        """Leave the folder to other trainings."""
        self._lock.release()

    def finish(self) -> None:
        """Remove what only an unfinished training needs, and draw the curves of its losses."""
        for file in (PREVIEW, checkpoints.NEWEST, checkpoints.BEFORE, OPTIONS, LOCK):
            (self.path / file).unlink(missing_ok=True)
        if losses := read_losses(self.path / LOG):
            with replacing(self.path / LOSSES) as temporary:
                curves({self._style.name: losses}).savefig(temporary, dpi=150)
