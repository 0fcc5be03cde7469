"""For mkdocstrings: docstrings of classes of options as `keras_nst.fields` completes them, unlike the source."""

import importlib
import inspect

import griffe


class GeneratedDocstrings(griffe.Extension):
    """Reads the docstring of each class of options from the class itself."""

    def on_class(self, *, cls: griffe.Class, **_):
        """Replace the docstring of a class that the decorator `options` made."""
        if any(decorator.callable_path == "keras_nst.fields.options" for decorator in cls.decorators):
            made = getattr(importlib.import_module(cls.module.path), cls.name)
            cls.docstring = griffe.Docstring(inspect.getdoc(made), parent=cls)
