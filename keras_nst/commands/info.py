"""`keras-nst info`: what is installed, and the devices."""

import json
import os
import platform
from importlib import metadata

import psutil
from packaging.requirements import Requirement

import keras_nst
from keras_nst.commands.arguments import Info
from keras_nst.models.styles import styles

PACKAGE = "keras_nst"


def run(options: Info) -> int:
    """Print versions, devices, styles and extras."""
    import keras

    from keras_nst.fit.precision import painting_policy

    facts = {
        "version": keras_nst.__version__,
        "python": platform.python_version(),
        "tensorflow": metadata.version("tensorflow"),
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
        "devices": keras.distribution.list_devices(),
        "cores": os.cpu_count(),
        "paints_in": painting_policy(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "styles": list(styles()),
        "extras": extras(),
    }
    if options.json:
        print(json.dumps(facts))
        return 0
    facts["extras"] = [f"{extra} (not installed)" * (not there) or extra for extra, there in facts["extras"].items()]
    for name, value in facts.items():
        print(f"{name:11} {', '.join(value) if isinstance(value, list) else value}")
    return 0


def extras() -> dict[str, bool]:
    """The package's extras, and whether each is completely installed; empty if the package itself is not installed."""
    try:
        found = metadata.metadata(PACKAGE)
    except metadata.PackageNotFoundError:
        return {}
    requirements = [Requirement(line) for line in metadata.requires(PACKAGE) or ()]
    return {
        extra: all(
            _is_installed(requirement)
            for requirement in requirements
            if requirement.marker and requirement.marker.evaluate({"extra": extra})
        )
        for extra in found.get_all("Provides-Extra", [])
    }


def _is_installed(requirement: Requirement) -> bool:
    try:
        return requirement.specifier.contains(metadata.version(requirement.name), prereleases=True)
    except metadata.PackageNotFoundError:
        return False
