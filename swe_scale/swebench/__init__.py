"""SWE-bench and datasets like it: the only place that knows what a row hides from solvers."""
