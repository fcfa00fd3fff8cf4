"""Two visits of one spot: the same skin found again, hair linked to hair, change and verdict."""
