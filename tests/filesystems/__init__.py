"""Tests of extractor.filesystems."""
