"""A run's pictures inside of Markdown: the Prefect UI shows a data address, and asks no file server."""

import base64
import io
from pathlib import Path

from PIL import Image

from dfu_clustering.runs.folder import PICTURES

_WIDTH_PX = 1100  # the UI shows no more
_COLORS = 64  # these are drawings: a palette keeps an artifact small in Prefect's database


def picture_markdown(folder: Path) -> str:
    """Return the pictures of a run folder one below the other; those that are not there are left out."""
    present = {folder / name: text for name, text in PICTURES.items() if (folder / name).exists()}
    return "\n\n".join(f"![{text}]({_data_address(path)})" for path, text in present.items())


def _data_address(path: Path) -> str:
    small = io.BytesIO()
    with Image.open(path) as picture:
        height = round(picture.height * _WIDTH_PX / picture.width)
        drawn = picture.convert("RGB").resize((_WIDTH_PX, height), Image.Resampling.LANCZOS)
        drawn.quantize(_COLORS).save(small, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(small.getvalue()).decode()}"
