"""The literature's claims, each with its experiment and verdict: python -m analysis."""
