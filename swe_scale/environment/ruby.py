"""How a Ruby project is installed and tested: by Bundler, with RSpec or minitest."""

from swe_scale.environment.plan import Plan
from swe_scale.environment.project import Project
from swe_scale.profiles import find_tests, profiles

TOLD_BY: tuple[str, ...] = ("Gemfile", "*.gemspec", ".rspec")


def plan(project: Project) -> Plan | None:
    """Return how the project is installed and tested; None where there is neither a Gemfile nor a gemspec."""
    gemfile = "Gemfile" in project.paths
    if not gemfile and not any(path.endswith(".gemspec") and "/" not in path for path in project.paths):
        return None
    # In the home and not in the tree, and of the versions in the lock file.
    kept = 'bundle config set --global path "$HOME/.bundle/gems"'
    made = () if gemfile else ("bundle init && printf 'gemspec\\n' >>Gemfile",)
    runners = next(profile.runners for profile in profiles() if profile.name == "ruby")
    specs = any(path.endswith("_spec.rb") for path in project.paths)
    tests = any(path.endswith(".rb") for path in find_tests(project.paths))
    line = runners["rspec" if specs else "minitest"].command if tests else None
    return Plan(profile="ruby", setup=(kept, *made, "bundle install"), test=line, needs=("ruby",))
