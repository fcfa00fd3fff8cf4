"""Two visits of one spot: the same skin found again, hair linked to hair, change with its interval, verdict."""
