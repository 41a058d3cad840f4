"""Seeing the real step: which modules it calls, with what."""
