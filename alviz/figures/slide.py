"""Figures at the size of a slide: the script by which every page of ours saves them."""

from pathlib import Path

SLIDE = Path(__file__).with_name("slide.js")
"""A script, not a module: it makes `slideOf` and `saveSlide` for the scripts that follow it."""
