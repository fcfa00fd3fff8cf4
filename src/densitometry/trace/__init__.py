"""Arrays in, arrays out: where hairs run, root to tip, and how wide they are. Pixels only."""
