"""The patch bot: who may ask, what is read of an issue, and how a patch becomes a pull request."""
