"""What the images of an issue show, in the words of a model that can see: so that all models read it."""

from swe_scale.depicting.asking import MOST_IMAGES, depicted, question

__all__ = ["MOST_IMAGES", "depicted", "question"]
