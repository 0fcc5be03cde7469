"""The folder of a training: its options, checkpoints and log."""

import json
from pathlib import Path

from filelock import FileLock, Timeout

from keras_nst.console import Console
from keras_nst.errors import InputError
from keras_nst.files import replacing
from keras_nst.fit import checkpoints
from keras_nst.fit.curves import curves, read_losses
from keras_nst.fit.trainer import Trainer
from keras_nst.models.saved import LOG, PREVIEW, TRAINING, holds_net

OPTIONS, LOSSES, LOCK = "options.json", "losses.png", "lock"

ADJUSTABLE = ("devices", "epochs", "learning_rate", "steps", "weights")
"""Options that may change when a training is resumed, to rescue it from an exploding loss or to extend it."""


class TrainingFolder:
    """The subfolder `training/` of a style. Nothing else in the style's folder changes before the training ends.

    Args:
        style: The style's folder.
    """

    def __init__(self, style: Path):
        self._style, self.path = style, style / TRAINING
        self._lock = FileLock(self.path / LOCK)

    @property
    def can_be_resumed(self) -> bool:
        """Whether there is an unfinished training with a checkpoint."""
        return any((self.path / name).is_file() for name in (checkpoints.NEWEST, checkpoints.BEFORE))

    def check_free(self, *, overwrite: bool) -> None:
        """Check that a new training would not replace a style or an unfinished training, nor mix with other styles.

        Raises:
            InputError: It would, and `overwrite` does not allow it.
        """
        if self.can_be_resumed:
            message = "holds an unfinished training. Pass `resume` to continue it, or remove that folder."
            raise InputError(f"{self.path} {message}")
        if overwrite:
            return
        if holds_net(self._style):
            raise InputError(
                f"{self._style} holds a style. Choose another `output`, or pass `overwrite` to replace it at the end."
            )
        if other := next(filter(holds_net, sorted(self._style.glob("*"))), None):
            message = "Choose another `output`, such as a new folder in it, or pass `overwrite` to write beside them."
            raise InputError(f"{self._style} holds other styles ({other.name}). {message}")

    def check_same(self, facts: dict) -> None:
        """Check that there is a training to resume, and that it is the same.

        Args:
            facts: Facts that determine the training.

        Raises:
            InputError: There is no unfinished training, or a different one.
        """
        stored = self.path / OPTIONS
        if not stored.is_file() and self.can_be_resumed:
            raise InputError(f"{stored}, the options of the training, is missing. Remove {self.path} to start again.")
        if not stored.is_file():
            raise InputError(f"{self.path} holds no unfinished training. Leave out `resume`, or check `output`.")
        try:
            before = dict(json.loads(stored.read_text("utf-8")))
        except (ValueError, TypeError, RecursionError) as error:
            raise InputError(f"{stored} is damaged ({error}). Remove {self.path} to start again.") from error
        facts = json.loads(json.dumps(facts))
        if changed := [key for key, value in facts.items() if key not in ADJUSTABLE and before.get(key) != value]:
            changes = ", ".join(f"{key} {before.get(key)!r} became {facts[key]!r}" for key in changed)
            raise InputError(f"The training in {self.path} had other options: {changes}. Resume it with its own.")

    def claim(self, facts: dict) -> None:
        """Create the folder, lock it until `release`, and write the facts that determine the training.

        Raises:
            InputError: Another process uses the folder, or it cannot be written to.
        """
        with replacing(self.path / OPTIONS) as temporary:
            try:
                self._lock.acquire(timeout=0)
            except Timeout as error:
                message = "Wait for it, or choose another `output`."
                raise InputError(f"Another training runs in {self.path}. {message}") from error
            temporary.write_text(json.dumps(facts, indent=2) + "\n", "utf-8")
        for leftover in self.path.glob(f".*-{checkpoints.NEWEST}"):  # From a process that was killed while writing.
            leftover.unlink()

    def restore(self, trainer: Trainer, console: Console) -> None:
        """Restore a trainer from the newest checkpoint, if there is one.

        Raises:
            InputError: No checkpoint can be read.
        """
        checkpoints.restore(self.path, trainer.state, console.line)

    def release(self) -> None:
        """Unlock the folder."""
        self._lock.release()

    def finish(self) -> None:
        """Remove the files of the unfinished training, and draw the loss curves."""
        for file in (PREVIEW, checkpoints.NEWEST, checkpoints.BEFORE, OPTIONS, LOCK):
            (self.path / file).unlink(missing_ok=True)
        if losses := read_losses(self.path / LOG):
            with replacing(self.path / LOSSES) as temporary:
                curves({self._style.name: losses}).savefig(temporary, dpi=150)
