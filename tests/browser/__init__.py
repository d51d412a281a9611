"""Tests of pages in a real browser, against real services."""
