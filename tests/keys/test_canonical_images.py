"""Images and estimators as parts of a key."""

import io

import numpy as np
from PIL import Image
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from beautyspot.keys import encode


def reopened(image, kind, **options):
    data = io.BytesIO()
    image.save(data, kind, **options)
    return Image.open(io.BytesIO(data.getvalue()))


def test_images_are_pixels_mode_and_metadata():
    """Mode, size, pixels, palette and info are content."""
    red, blue = Image.new("RGB", (4, 4), "red"), Image.new("RGB", (4, 4), "blue")
    noted = red.copy()
    noted.info["dpi"] = (72, 72)
    values = [
        red,
        blue,
        red.convert("L"),
        red.convert("P"),
        Image.new("RGB", (2, 8), "red"),
        noted,
        reopened(red, "PNG"),
    ]
    assert len({encode(value) for value in values}) == len(values)
    assert encode(red) == encode(red.copy())
    assert encode(reopened(red, "PNG")) == encode(reopened(red, "PNG"))


def test_all_frames_of_an_animation_count():
    """Two animations with the same first frame differ, and the current frame is left as it was."""
    frames = [Image.new("L", (4, 4), shade) for shade in (0, 100, 200)]
    one = reopened(frames[0], "GIF", save_all=True, append_images=[frames[1]])
    other = reopened(frames[0], "GIF", save_all=True, append_images=[frames[2]])
    one.seek(1)
    assert encode(one) != encode(other)
    assert one.tell() == 1


def test_estimators_are_parameters_and_fit():
    """Equal estimators agree; parameters and learned state count."""
    data, target = np.arange(12.0).reshape(6, 2), np.array([0, 1, 0, 1, 0, 1])
    values = [
        LinearRegression(),
        LinearRegression(fit_intercept=False),
        LogisticRegression(),
        LogisticRegression(C=2.0),
        LinearRegression().fit(data, target),
        LinearRegression().fit(data, target + 1),
        make_pipeline(StandardScaler(), LinearRegression()),
    ]
    assert len({encode(value) for value in values}) == len(values)
    assert encode(LinearRegression().fit(data, target)) == encode(values[4])
