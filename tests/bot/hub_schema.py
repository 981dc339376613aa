"""GitHub's own description of its interface, against which requests and replies are held.

`SWE_SCALE_TEST_GITHUB` names the file: `generated/api.github.com.json` of the npm package `@octokit/openapi`;
`scripts/github-api` downloads it.
"""

import json
import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from openapi_schema_validator import OAS30Validator
from referencing import Registry
from referencing.jsonschema import DRAFT4

_NAME = "urn:github"
_FEW = 3


@cache
def description() -> "Description | None":
    """Return the description; None where there is none."""
    place = os.environ.get("SWE_SCALE_TEST_GITHUB")
    return Description(json.loads(Path(place).read_text(encoding="utf-8"))) if place else None


class Description:
    """What requests and replies look like."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        _let_be_null(content)
        self._content = content
        self._registry: Registry[Any] = Registry().with_resource(_NAME, DRAFT4.create_resource(content))
        self._paths = [(_pattern(path), path, methods) for path, methods in content["paths"].items()]

    def faults_of_request(self, method: str, target: str, body: Any) -> list[str]:
        """Return what is wrong with a request."""
        parts = urlsplit(target)
        operation = self._operation(method, parts.path)
        if operation is None:
            return [f"there is no {method} {parts.path}"]
        known = {
            one["name"] for one in map(self._seen, operation.get("parameters", ())) if one["in"] == "query"
        }
        faults = [
            f"{name} is no parameter of {method} {parts.path}"
            for name, _ in parse_qsl(parts.query)
            if name not in known
        ]
        content = operation.get("requestBody", {}).get("content", {})
        form = content.get("application/json", {}).get("schema")
        if form is None:
            return [*faults, *([f"{method} {parts.path} takes no body"] if body is not None else [])]
        return faults + self._faults(form, body) + self._unknown(form, body)

    def faults_of_reply(self, method: str, target: str, status: int, body: Any) -> list[str]:
        """Return what is wrong with a reply of one of the statuses that are described."""
        operation = self._operation(method, urlsplit(target).path)
        form = self._reply_form(operation, status)
        if form is None:
            return [f"{method} {target} is not described as answering {status}"]
        return self._faults(form, body) if form else []

    def complete(self, method: str, target: str, status: int, known: Any) -> Any:
        """Return a reply that holds what is known, and beside it all that must be there."""
        form = self._reply_form(self._operation(method, urlsplit(target).path), status)
        return self._filled(form, known) if form else known

    def _operation(self, method: str, path: str) -> Mapping[str, Any] | None:
        fitting = [
            (path_.count("{"), methods) for pattern, path_, methods in self._paths if pattern.fullmatch(path)
        ]
        for _, methods in sorted(fitting, key=lambda one: one[0]):
            if method.lower() in methods:
                found: Mapping[str, Any] = methods[method.lower()]
                return found
        return None

    def _reply_form(self, operation: Mapping[str, Any] | None, status: int) -> Mapping[str, Any] | None:
        if operation is None or str(status) not in operation["responses"]:
            return None
        reply = self._seen(operation["responses"][str(status)])
        found: Mapping[str, Any] = reply.get("content", {}).get("application/json", {}).get("schema", {})
        return found

    def _seen(self, form: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what a reference stands for."""
        while "$ref" in form:
            found: Any = self._content
            for part in form["$ref"].removeprefix("#/").split("/"):
                found = found[unquote(part)]
            form = found
        return form

    def _absolute(self, form: Any) -> Any:
        if isinstance(form, dict):
            return {
                name: f"{_NAME}{value}" if name == "$ref" else self._absolute(value)
                for name, value in form.items()
            }
        return [self._absolute(one) for one in form] if isinstance(form, list) else form

    def _faults(self, form: Mapping[str, Any], value: Any) -> list[str]:
        chosen = self._chosen(form, value)
        check = OAS30Validator(self._absolute(chosen), registry=self._registry)
        return [f"{error.json_path}: {error.message[:200]}" for error in check.iter_errors(value)][:_FEW]

    def _chosen(self, form: Mapping[str, Any], value: Any) -> Mapping[str, Any]:
        """Return the form that a value says it has, where several would fit."""
        told = form.get("discriminator", {})
        kind = value.get(told.get("propertyName")) if isinstance(value, dict) else None
        return {"$ref": told["mapping"][kind]} if kind in told.get("mapping", {}) else form

    def _unknown(self, form: Mapping[str, Any], body: Any) -> list[str]:
        """Return the fields that GitHub would ignore: nothing is sent in vain."""
        known = self._seen(form).get("properties", {})
        if not known or not isinstance(body, dict):
            return []
        return [f"there is no field {name}" for name in body if name not in known]

    def _filled(self, form: Mapping[str, Any], known: Any) -> Any:
        form = self._seen(form)
        for several in ("allOf", "oneOf", "anyOf"):
            if several in form:
                return self._filled(form[several][0], known)
        if form.get("type") == "array":
            return [self._filled(form["items"], one) for one in known or ()]
        if known is not None and not isinstance(known, dict):
            return known
        if "properties" not in form and form.get("type") != "object":
            return known if known is not None else _plain(form)
        if known is None and form.get("nullable"):
            return None
        known = known or {}
        properties = form.get("properties", {})
        wanted = dict.fromkeys([*form.get("required", ()), *known])
        return {
            name: self._filled(properties[name], known.get(name)) if name in properties else known.get(name)
            for name in wanted
        }


def _plain(form: Mapping[str, Any]) -> Any:
    """Return the plainest value of a form."""
    if form.get("nullable"):
        return None
    if "enum" in form:
        return form["enum"][0]
    formats = {"date-time": "2026-01-02T03:04:05Z", "uri": "https://example.org/", "email": "a@example.org"}
    kinds = {"integer": 1, "number": 1, "boolean": False, "array": []}
    kind = form.get("type", "string")
    return formats.get(form.get("format", ""), "x") if kind == "string" else kinds.get(kind)


def _let_be_null(form: Any) -> None:
    """Add null to the values of what may be null: the description says the one and forgets the other."""
    parts = form.values() if isinstance(form, dict) else form if isinstance(form, list) else ()
    for part in parts:
        _let_be_null(part)
    if isinstance(form, dict) and form.get("nullable") is True and isinstance(form.get("enum"), list):
        form["enum"].append(None)


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{[^}]+\}", path)
    return re.compile("[^/]+".join(map(re.escape, parts)))
