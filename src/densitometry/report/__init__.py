"""Values into files and figures: the writers of the result folder and the only plotting."""
