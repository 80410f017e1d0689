"""Tests of selection."""
