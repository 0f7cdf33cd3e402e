"""Reading config files, with errors that name them."""

from __future__ import annotations

from configparser import Error as ParserError
from pathlib import Path
from typing import Any, Mapping

from spacy.util import CONFIG_SECTION_ORDER
from thinc.api import Config, ConfigValidationError

from .errors import Errors, SeginfError
from .os_errors import coded_os_errors

# What confection and the parser behind it raise for files that are none.
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError, ParserError)


def read_config(path: Path, *, interpolate: bool, overrides: Mapping[str, Any] = {}) -> Config:
    """Read a config file, with a byte order mark or without.

    interpolate (bool): whether variables are filled in. overrides: settings by their dotted names.
    RAISES (ValueError): S093 if it is no config, S245 if it can't be opened.
    """
    with coded_os_errors(path):
        content = path.read_bytes()
    try:
        config = Config(section_order=CONFIG_SECTION_ORDER)
        return config.from_str(content.decode("utf-8-sig"), interpolate=interpolate, overrides=dict(overrides))
    except UNREADABLE as error:
        if isinstance(error, ConfigValidationError):  # says what is wrong before it prints the whole config
            error = error.from_error(error, show_config=False)
        problem = " ".join(str(error).split()) or type(error).__name__
        raise SeginfError(Errors.S093.format(path=path, problem=problem)) from None
