"""The files that homelab renders, and where their templates are found."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from homelab.errors import OperationError

if TYPE_CHECKING:
    import jinja2

OWN = Path("/etc/homelab/templates")
"""A template of the user wins over the one of the same name that comes with homelab."""

_PACKAGE = Path(__file__).parents[1]


def render(name: str, values: Mapping[str, object]) -> str:
    """The text of a template; ``OperationError`` names the template and what is wrong with it."""
    import jinja2  # noqa: PLC0415 - costs 60 ms, and most commands render nothing

    try:
        return environment().get_template(name).render(values)
    except jinja2.TemplateError as error:
        at = f":{error.lineno}" if isinstance(error, jinja2.TemplateSyntaxError) else ""
        raise OperationError(f"template {name}{at}: {error}; see {OWN}") from error
    except OSError as error:
        raise OperationError(f"template {name}: {error.strerror}; see {OWN}") from error


@cache
def environment() -> "jinja2.Environment":
    import jinja2  # noqa: PLC0415 - as above

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders()),
        undefined=jinja2.StrictUndefined,
        # What is rendered is read by nft, sysctl and routers: to them &lt; is no "<". Every value is
        # validated by who renders it.
        autoescape=False,  # noqa: S701 - no HTML is rendered
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def folders() -> tuple[Path, ...]:
    """The user's own, then those of the wheel, or else those of the checkout."""
    packed = _PACKAGE / "templates"
    return OWN, packed if packed.is_dir() else _PACKAGE.parent / "templates"
