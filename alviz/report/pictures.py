"""Small pictures of many samples as one image."""

import base64
import io
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

QUALITY = 70
AT_ONCE = 512
"""Pictures that are read and shrunk at a time: those of a large pool may not fit into memory together."""


def sheet(images: NDArray[np.uint8], indices: NDArray[np.int64], longest: int) -> dict[str, Any]:
    """The pictures `indices` of `images` (n, H, W[, C]), row by row in one WebP.

    Those larger than `longest` pixels are shrunk. Returns {"columns", "cell": [width, height] in pixels, "webp": the file in base64}.
    """
    from PIL import Image

    height, width = images.shape[1:3]
    scale = min(1.0, longest / max(height, width))
    w, h = max(1, round(width * scale)), max(1, round(height * scale))
    columns = max(1, math.isqrt(max(len(indices) - 1, 0)) + 1)
    whole = Image.new("RGB", (columns * w, max(1, math.ceil(len(indices) / columns)) * h))
    for start in range(0, len(indices), AT_ONCE):
        for k, picture in enumerate(images[indices[start : start + AT_ONCE]], start):
            one = Image.fromarray(picture[..., 0] if picture.shape[2:] == (1,) else picture).convert("RGB")
            whole.paste(one if scale == 1 else one.resize((w, h), Image.Resampling.BOX), (k % columns * w, k // columns * h))
    file = io.BytesIO()
    whole.save(file, format="WEBP", quality=QUALITY, method=4)
    return {"columns": columns, "cell": [w, h], "webp": base64.b64encode(file.getvalue()).decode()}
