"""What a file says for itself, whatever the issue, its path or its commit; light to import."""
