"""Tests of the hand-off."""
