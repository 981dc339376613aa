"""What mini-swe-agent takes for a command in a reply, in the benchmarks' configuration of it."""

ACTION = r"```bash\s*\n(.*?)\n```"
