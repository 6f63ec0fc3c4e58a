"""Flows: when they run, what they bring, and who wins where both sides changed; run, preview and run in full."""

from __future__ import annotations

from dataclasses import fields as fields_of
from typing import Any, get_args, get_type_hints

from django import forms
from django.contrib import messages
from django.contrib.admin import display
from django.core.exceptions import ValidationError
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from unfold import widgets

from integrations.connectors.registry import connector, connectors
from integrations.doors.admin import again
from integrations.doors.admin.base import Button, ServiceForm, TenantPages, badge, to_page
from integrations.doors.admin.site import site
from integrations.sync.brakes import Brakes
from integrations.sync.models import Flow, Run
from integrations.sync.policy import Policy, policy_of
from integrations.sync.replay import replay_flow
from integrations.sync.schedule import next_at
from integrations.sync.services import AlreadyRunning, save_flow, start_run

SLOTS = 5

MAY = (("create", "create what is new"), ("update", "change what changed"), ("void", "void what was voided"))
BY_TEMPLATE = ("only_from",)  # what makes a flow what it is, and no question
WORDS = {
    "take_back": "take it back there too", "tell": "only say so there, in its status",
    "source": "the source wins", "target": "the target stays as it is", "ask": "ask me", "void": "void it there too",
    "leave": "leave it there", "credit": "credit it by another document", "unusual": "what looks unusual",
    "always": "every plan", "newest": "the side that was changed last wins",
}  # fmt: skip
LABELS = {
    "conflicts": "Both sides changed the same field",
    "first_match": "A recognised record says something else",
    "source_gone": "Deleted at the source",
    "voided": "Voided at the source",
    "gone_by": "How a document is taken back",
    "approve": "A person approves",
}
BRAKES = {
    "void_share": "Stop when more than this share would be voided (percent)",
    "voids_at_least": "… and at least so many",
    "update_share": "Stop when more than this share would change (percent)",
    "updates_at_least": "… and at least so many",
    "creates_at_most": "Stop when more than so many would be created (0: never)",
    "amount_at_most": "Stop when one document comes to more than this, in its currency (0: never)",
    "sum_at_most": "Stop when a run's documents come to more than this, in one currency (0: never)",
    "times_usual": "Stop when it is more than so many times what is usual in this flow (0: never)",
    "learnt_from_number": "… and at least so many records",
    "learnt_from_amount": "… or at least this amount",
    "shrink_share": "Stop when a published list has lost more than this share of its rows (percent)",
    "vanish_share": "Stop when more than this share is no longer listed at one end (percent)",
    "vanished_at_least": "… and at least so many",
}


def _policy_fields() -> dict[str, forms.Field]:
    hints = get_type_hints(Policy)
    choices = {name: [(value, WORDS[value]) for value in get_args(hints[name])] for name in LABELS}
    select = {
        f"policy_{name}": forms.ChoiceField(
            label=label, choices=choices[name], widget=widgets.UnfoldAdminSelectWidget(), required=False
        )
        for name, label in LABELS.items()
    }
    brakes = {
        f"brake_{each.name}": forms.IntegerField(
            label=BRAKES[each.name],
            min_value=0,
            required=False,
            initial=each.default,
            widget=widgets.UnfoldAdminIntegerFieldWidget(),
        )
        for each in fields_of(Brakes)
    }
    return {**select, **brakes}


class FlowForm(ServiceForm):
    """A flow with its policy as single questions."""

    policy_may = forms.MultipleChoiceField(
        label="It may", choices=MAY, required=False, widget=widgets.UnfoldAdminCheckboxSelectMultipleWidget()
    )
    policy_match = forms.CharField(
        label="Recognise existing records by",
        required=False,
        widget=widgets.UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="One way on each line, the surest first; fields that must all agree stand side by side: number, currency",
    )

    class Meta:
        model = Flow
        fields = (
            "name", "enabled", "source", "source_object", "target", "target_object", "mapping", "schedule",
            "every_minutes", "cron", "condition",
        )  # fmt: skip
        help_texts = {
            "condition": "Only records for which this holds: record.total > 0 and record.status != 'draft'. Empty: all.",
            "cron": "Minute, hour, day, month, weekday on your own clocks: 0 6 * * 1-5 is six o'clock on working days.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        policy = policy_of(self.instance.policy)
        self.initial.update({f"policy_{name}": getattr(policy, name) for name in LABELS})
        self.initial.update({f"brake_{each.name}": getattr(policy.brakes, each.name) for each in fields_of(Brakes)})
        self.initial["policy_may"] = list(policy.may)
        self.initial["policy_match"] = "\n".join(", ".join(group) for group in policy.match)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        # A flow that may do nothing only recognises: what the target lets people read is enough for it.
        for end, can in (("source", "reads"), ("target", "writes" if given.get("policy_may") else "reads")):
            connection, name = given.get(end), given.get(f"{end}_object")
            if connection is None or not name:
                continue
            known = {each.name for each in connector(connection.connector).streams if getattr(each, can)}
            if name not in known:
                self.add_error(f"{end}_object", f"{connection} {can} {', '.join(sorted(known)) or 'nothing'}.")
        return given

    def save_by_service(self) -> None:
        given = self.cleaned_data
        brakes = {each.name: given[f"brake_{each.name}"] for each in fields_of(Brakes)}
        kept = {name: said for name, said in (self.instance.policy or {}).items() if name in BY_TEMPLATE}
        self.instance.policy = {
            **kept,
            **{name: given[f"policy_{name}"] for name in LABELS if given[f"policy_{name}"]},
            "may": given["policy_may"],
            "match": [
                [word.strip() for word in line.split(",") if word.strip()]
                for line in given["policy_match"].splitlines()
                if line.strip()
            ],
            "brakes": {name: value for name, value in brakes.items() if value is not None},
        }
        save_flow(self.instance, by=self.by)


class FlowPages(TenantPages):
    """What flows where, and the buttons that set it going."""

    form = type("FlowForm", (FlowForm,), _policy_fields())
    sees, manages, adds = "tenant.read", "flow.manage", True
    list_display = ("name", "source", "target", "brings", "when", "next_run_at", "is_on", "last_run")
    list_select_related = ("source", "target", "mapping")
    search_fields = ("name",)
    list_filter = ("enabled", "schedule")
    ordering = ("rank", "name")
    buttons = (
        Button(name="run", label="Run now", verb="run.start", icon="play_arrow", look="primary"),
        Button(name="preview", label="Preview", verb="run.start", icon="visibility"),
        Button(name="full", label="Run in full", verb="run.start", icon="restart_alt",
               confirm="Everything the source holds is read and compared, not only what changed. Go on?"),
        again.BUTTON,
    )  # fmt: skip

    # Lists

    def get_queryset(self, request: HttpRequest) -> Any:
        latest = Run.objects.filter(flow=OuterRef("pk"), preview=False).order_by("-pk")
        return (
            super()
            .get_queryset(request)
            .annotate(
                last_run_id=Subquery(latest.values("pk")[:1]),
                last_state=Subquery(latest.values("state")[:1]),
                last_colour=Subquery(latest.values("colour")[:1]),
            )
        )

    @display(description="brings", ordering="source_object")
    def brings(self, flow: Flow) -> str:
        kinds = dict.fromkeys([flow.source_object, flow.target_object])
        return " → ".join(kind.replace("_", " ") for kind in kinds)

    @display(description="runs", ordering="schedule")
    def when(self, flow: Flow) -> str:
        return schedule_in_words(flow)

    @display(description="on", boolean=True, ordering="enabled")
    def is_on(self, flow: Flow) -> bool:
        return flow.enabled

    @display(description="last run")
    def last_run(self, flow: Any) -> str:
        if flow.last_run_id is None:
            return "-"
        return badge(flow.last_colour or flow.last_state, Run.Colour(flow.last_colour).label if flow.last_colour
                     else Run.State(flow.last_state).label)  # fmt: skip

    # The form

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name in ("source_object", "target_object"):
            names = sorted({stream.name for each in connectors().values() for stream in each.streams})
            return forms.ChoiceField(
                choices=[(name, name.replace("_", " ")) for name in names], widget=widgets.UnfoldAdminSelectWidget()
            )
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "condition":
            field.widget = widgets.UnfoldAdminTextareaWidget(attrs={"rows": 2, "class": "t-code"})
        return field

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        ends = ["source", "source_object", "target", "target_object", "mapping"]
        shown: list[tuple[str | None, dict[str, Any]]] = [
            (None, {"fields": ["name", "enabled"]}),
            ("What it brings", {"fields": [*ends, "condition"]}),
            ("When it runs", {"fields": ["schedule", "every_minutes", "cron"]}),
        ]
        if obj is not None and not self.has_change_permission(request, obj):
            return [*shown, ("What it may do", {"fields": ["policy_shown"]})]
        return [
            *shown,
            ("What it may do", {"fields": ["policy_may", *(f"policy_{name}" for name in LABELS), "policy_match"]}),
            ("Brakes", {"fields": [f"brake_{each.name}" for each in fields_of(Brakes)]}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        ends = ("source", "source_object", "target", "target_object", "mapping")
        if obj is None:
            return ()
        # A flow's ends are who it is: another pair of systems is another flow.
        return ends if self.has_change_permission(request, obj) else (*ends, "name", "enabled", "condition", "schedule",
                                                                       "every_minutes", "cron", "policy_shown")  # fmt: skip

    @display(description="policy")
    def policy_shown(self, flow: Flow) -> str:
        policy = policy_of(flow.policy)
        rows = [("It may", ", ".join(words for name, words in MAY if name in policy.may) or "do nothing")]
        rows += [(label, WORDS[getattr(policy, name)]) for name, label in LABELS.items()]
        rows.append(("Recognised by", "; or by ".join(" and ".join(group) for group in policy.match) or "links only"))
        return format_html_join("", "<div>{}: <b>{}</b></div>", rows)

    def panel(self, request: HttpRequest, flow: Flow) -> dict[str, Any]:
        runs = Run.objects.filter(flow=flow).order_by("-pk")[:5]
        return {
            "facts": [
                ("From", to_page(flow.source)),
                ("To", to_page(flow.target)),
                ("Mapping", to_page(flow.mapping)),
                ("Runs", schedule_in_words(flow) if flow.enabled else "switched off"),
            ],
            "slots": next_slots(flow, request),
            "runs": list(runs),
            "panel_template": "tieout/flow.html",
            **again.card(self, request, flow, from_a_day=True),
        }

    # Buttons

    def do_run(self, request: HttpRequest, flow: Flow) -> HttpResponse:
        return self._start(request, flow)

    def do_preview(self, request: HttpRequest, flow: Flow) -> HttpResponse:
        return self._start(request, flow, preview=True)

    def do_full(self, request: HttpRequest, flow: Flow) -> HttpResponse:
        return self._start(request, flow, full=True)

    def do_replay(self, request: HttpRequest, flow: Flow) -> HttpResponse | None:
        since = again.day_of(request)
        return again.begin(request, lambda **wish: [replay_flow(flow, since=since, **wish)])

    def _start(self, request: HttpRequest, flow: Flow, *, preview: bool = False, full: bool = False) -> HttpResponse:
        try:
            run = start_run(flow, by=str(request.user), preview=preview, full=full)
        except AlreadyRunning as running:
            messages.info(request, str(running))
            run = running.run
        return redirect(reverse("admin:integrations_run_change", args=(run.pk,)))


def schedule_in_words(flow: Flow) -> str:
    """When a flow runs, as a person says it."""
    match flow.schedule:
        case Flow.Schedule.INTERVAL:
            return f"every {flow.every_minutes} minutes"
        case Flow.Schedule.CRON:
            return f"at {flow.cron}"
    return "by hand"


def next_slots(flow: Flow, request: Any) -> list[Any]:
    """The next slots of a flow with set times."""
    if flow.schedule != Flow.Schedule.CRON or not flow.enabled:
        return [flow.next_run_at] if flow.next_run_at else []
    slots, after = [], timezone.now()
    try:
        for _ in range(SLOTS):
            after = next_at(flow.cron, zone=request.tenant.zone, after=after)
            slots.append(after)
    except (ValidationError, ValueError, StopIteration):
        pass  # a schedule that ends has fewer
    return slots


site.register(Flow, FlowPages)
