"""Templates: ready flows for a pair of systems, shipped with the product as JSON files in `shipped/`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

from integrations.canonical import KINDS
from integrations.mapping.check import faults, uncovered
from integrations.mapping.expression import BadExpression, compile_expression
from integrations.mapping.paths import BadPath, place
from integrations.mapping.rules import BadRules, Data, Fault, Rules, difference, from_json, questions_of

SHIPPED = Path(__file__).parent / "shipped"


class Question(Data, frozen=True, kw_only=True):
    """What a tenant must say once before the flows can run; rules use the answer as `@name`.

    A `record` is chosen from those of a kind at one end, and the answer is its external id there.
    """

    name: str
    label: str
    help: str = ""
    answer: Literal["record", "text", "number", "yes_no", "date", "choice", "table"]
    kind: str | None = None
    where: dict[str, list[str]] = {}
    """For a record: only those whose fields have one of these values."""
    end: Literal["source", "target"] = "target"
    choices: tuple[str, ...] = ()
    suggestion: Any = None
    required: bool = True


class Schedule(Data, frozen=True, kw_only=True):
    """When a flow is suggested to run: every so many minutes, or at set times (cron, in the tenant's time zone)."""

    every_minutes: int | None = None
    cron: str | None = None


class Policy(Data, frozen=True, kw_only=True):
    """What a flow may do and who wins; `integrations.sync.policy` says what each word means, and has the same defaults."""

    may: tuple[Literal["create", "update", "void"], ...] = ("create", "update", "void")
    conflicts: Literal["source", "target", "newest", "ask"] = "ask"
    first_match: Literal["source", "target", "ask"] = "source"
    source_gone: Literal["ask", "void", "leave"] = "ask"
    voided: Literal["take_back", "tell"] = "take_back"
    only_from: str = ""


class TemplateFlow(Data, frozen=True, kw_only=True):
    """One flow of a template.

    `match` says how a record that is in the target already is recognised: the first group of fields that all agree with
    exactly one record decides; more than one is doubtful.
    """

    name: str
    label: str
    source: str
    target: str
    rules: Rules
    match: tuple[tuple[str, ...], ...] = ()
    condition: str = ""
    schedule: Schedule = Schedule()
    policy: Policy = Policy()


class Template(Data, frozen=True, kw_only=True):
    """Ready flows, in the order in which they are to run, and what a tenant has to answer."""

    slug: str
    version: int
    name: str
    description: str
    source: str
    target: str
    questions: tuple[Question, ...] = ()
    flows: tuple[TemplateFlow, ...]

    def flow(self, name: str) -> TemplateFlow:
        """The flow of this name; KeyError where there is none."""
        for flow in self.flows:
            if flow.name == name:
                return flow
        raise KeyError(name)


@cache
def shipped_templates() -> tuple[Template, ...]:
    """The templates that come with the product, checked; BadRules names the file and every fault."""
    return tuple(_shipped(path) for path in sorted(SHIPPED.glob("*.json")))


def _shipped(path: Path) -> Template:
    try:
        template = from_json(path.read_bytes(), Template)
    except BadRules as error:
        raise BadRules(
            [Fault(where=f"{path.name}: {fault.where}", field="", message=fault.message) for fault in error.faults]
        ) from error
    if found := template_faults(template):
        raise BadRules(
            [Fault(where=f"{path.name}: {fault.where}", field=fault.field, message=fault.message) for fault in found]
        )
    return template


def template_faults(template: Template) -> list[Fault]:
    """What is wrong with a template: its flows' rules, conditions and match fields, and its questions."""
    tables = {question.name for question in template.questions if question.answer == "table"}
    found: list[Fault] = []
    for position, flow in enumerate(template.flows):
        where = f"flows[{position}]"
        found += [
            Fault(where=f"{where}.rules.{fault.where}", field=fault.field, message=fault.message)
            for fault in faults(flow.rules, tables=tables)
        ]
        if "create" in flow.policy.may and flow.rules.kind_to in KINDS:
            found += [
                Fault(where=f"{where}.rules", field=name, message="is needed to create a record, and has no rule")
                for name in uncovered(flow.rules)
            ]
        found += _flow_faults(flow, where)
    return found + [Fault(where="questions", field="", message=message) for message in _question_faults(template)]


def _question_faults(template: Template) -> Iterator[str]:
    known = {question.name: question for question in template.questions}
    used: dict[str, bool] = {}
    for flow in template.flows:
        for name, is_needed in questions_of(flow.rules).items():
            used[name] = used.get(name, False) or is_needed
    for name, is_needed in sorted(used.items()):
        if name not in known:
            yield f"'@{name}' is no question of the template"
        elif is_needed and not known[name].required:
            yield f"'{name}' may stay open, so the rules must say '@{name}?'"
    for name, question in known.items():
        if name not in used and question.answer != "table":
            yield f"the answer to '{name}' is not used"
        if question.answer == "record" and question.kind not in KINDS:
            yield f"'{name}' must say of which kind the record is to be"


def _flow_faults(flow: TemplateFlow, where: str) -> list[Fault]:
    found = []
    if flow.condition:
        try:
            compile_expression(flow.condition, kind=flow.rules.kind_from)
        except BadExpression as error:
            found.append(Fault(where=f"{where}.condition", field="", message=str(error)))
    for name in (name for group in flow.match for name in group):
        try:
            place(flow.rules.kind_to, name)
        except BadPath as error:
            found.append(Fault(where=f"{where}.match", field=name, message=str(error)))
    return found


def template_difference(old: Template, new: Template) -> list[str]:
    """What a newer version of a template does otherwise, in sentences: what a tenant is shown before taking it over."""
    told: list[str] = []
    before, after = {flow.name: flow for flow in old.flows}, {flow.name: flow for flow in new.flows}
    for name, flow in after.items():
        if name not in before:
            told.append(f"The flow {flow.label} is new.")
            continue
        told += [f"{flow.label}: {said}." for said in map(str, difference(before[name].rules, flow.rules))]
        told += [f"{flow.label}: {said}." for said in _settings_changed(before[name], flow)]
    told += [f"The flow {flow.label} is gone." for name, flow in before.items() if name not in after]
    asked = {question.name: question for question in old.questions}
    for question in new.questions:
        if question.name not in asked:
            told.append(f"A new question: {question.label}{'' if question.required else ' (may stay open)'}.")
        elif question != asked.pop(question.name):
            told.append(f"The question {question.label} is put differently.")
    return told + [f"The question {question.label} is no longer asked." for question in asked.values()]


def _settings_changed(old: TemplateFlow, new: TemplateFlow) -> Iterator[str]:
    if old.condition != new.condition:
        yield f"the condition changes from {old.condition or 'none'} to {new.condition or 'none'}"
    if old.match != new.match:
        yield f"records are recognised by {_match_in_words(new)} instead of {_match_in_words(old)}"
    for part in ("source", "target", "schedule", "policy"):
        if getattr(old, part) != getattr(new, part):
            yield f"its {part} changes from {_in_words(getattr(old, part))} to {_in_words(getattr(new, part))}"


def _match_in_words(flow: TemplateFlow) -> str:
    return ", else ".join(" and ".join(group) for group in flow.match) or "nothing"


def _in_words(value: str | Data) -> str:
    if isinstance(value, str):
        return value
    shown = {name: getattr(value, name) for name in value.__struct_fields__}
    parts = (
        f"{name.replace('_', ' ')} {', '.join(part) if isinstance(part, tuple) else part}"
        for name, part in shown.items()
        if part is not None
    )
    return "; ".join(parts) or "none"


def unanswered(template: Template, answers: Mapping[str, Any]) -> list[Question]:
    """The questions that must still be answered before the template's flows can run."""
    return [
        question for question in template.questions if question.required and answers.get(question.name) in (None, "")
    ]
