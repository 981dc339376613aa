"""What can be known of a patch by reading it, without git and without the code it changes."""

from swe_scale.patch.binary import binary_size
from swe_scale.patch.normal import normal_form
from swe_scale.patch.paths import TEST_FOLDERS, check_link, check_path, is_test, only_tests
from swe_scale.patch.reading import changed_tokens, newline_forms, overlap, strip_level, token_form, touched

__all__ = [
    "TEST_FOLDERS",
    "binary_size",
    "changed_tokens",
    "check_link",
    "check_path",
    "is_test",
    "newline_forms",
    "normal_form",
    "only_tests",
    "overlap",
    "strip_level",
    "token_form",
    "touched",
]
