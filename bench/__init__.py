"""Measurements, run by hand: time and memory on images that these modules build; words of rule files, counted."""
