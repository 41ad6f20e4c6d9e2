"""Recipes by name: one of those that people ask for, or that of a published file."""

from __future__ import annotations

from dataclasses import replace

from refnet.errors import InputError
from refnet.preprocessing.normalise import NORMALISATIONS
from refnet.preprocessing.recipe import RECIPES, Recipe
from refnet.weights import releases
from refnet.weights.releases.release import Release


def find_recipe(recipe: str | Recipe) -> Recipe:
    """Get a recipe by its name in ``RECIPES``, or that of a published model; a ``Recipe`` is returned as it is.

    Examples
    --------
    >>> find_recipe("torchvision").crop_amount, find_recipe("b4@torchvision").crop_amount
    (256.0, 384.0)
    """
    if isinstance(recipe, Recipe):
        return recipe
    if not isinstance(recipe, str):
        raise InputError(
            f"a recipe cannot be {type(recipe).__name__}; want a name or a refnet.preprocessing.recipe.Recipe"
        )
    if "@" in recipe:
        return of_release(releases.find(recipe.lower()))
    if recipe not in RECIPES:
        raise InputError(
            f"unknown recipe {recipe!r}; want one of {', '.join(RECIPES)}, "
            "or that of a published model, such as b4@torchvision"
        )
    return RECIPES[recipe]


def of_release(release: Release) -> Recipe:
    """Get the recipe of a published file, under the name that people know it by, if it has one.

    Examples
    --------
    >>> of_release(releases.find("b1@tf:advprop")).name, of_release(releases.find("b1@timm-tf:aa")).name
    ('tf-advprop', 'timm-tf-aa')
    """
    stated = release.recipe
    own_name = release.publisher.replace(":", "-")
    recipe = Recipe(own_name, stated.crop, stated.amount, stated.resize, NORMALISATIONS[stated.normalise])
    of_publisher = own_name.split("-")  # a recipe of another publisher may be the same by chance
    same = [known for known in RECIPES.values() if replace(known, name=own_name) == recipe]
    return next((known for known in same if known.name.split("-")[0] in of_publisher), recipe)
