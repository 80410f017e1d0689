"""Tests of extractor.filesystems.ntfs."""
