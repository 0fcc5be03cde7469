"""Extension for mkdocstrings: reads the docstrings of option classes as `keras_nst.fields` completes them."""

import importlib
import inspect

import griffe


class GeneratedDocstrings(griffe.Extension):
    """Replaces the docstrings in the source of option classes by those of the classes."""

    def on_class(self, *, cls: griffe.Class, **_):
        """Replace the docstring of a class with the decorator `options`."""
        if any(decorator.callable_path == "keras_nst.fields.options" for decorator in cls.decorators):
            made = getattr(importlib.import_module(cls.module.path), cls.name)
            cls.docstring = griffe.Docstring(inspect.getdoc(made), parent=cls)
