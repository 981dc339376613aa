"""swe-scale turns compute into fixed issues."""
