"""A second phantom renderer, written apart from `densitometry.simulate`, which it never imports.

What one renderer draws, a program can learn to read without seeing hair. This one shares no line with the
simulator: shafts are drawn analytically (outline, absorption along the chord, refraction rims, core, medulla,
streaks, broken shine) over a skin of chromophore fields under a wet rough film.
"""
