"""Tests of extractor.volumes."""
