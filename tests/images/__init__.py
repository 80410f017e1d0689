"""Tests of extractor.images."""
