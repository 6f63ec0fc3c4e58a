"""Connections: chosen by connector, filled in by what the connector declares, connected and tried out by buttons."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import display
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html_join
from django.views.decorators.http import require_GET
from unfold import widgets

from integrations.connections import authorise, services
from integrations.connections.callers import is_polled
from integrations.connections.knocks import has_own_address, new_address
from integrations.connections.locks import LockDates
from integrations.connections.models import Connection, VendorApp
from integrations.connections.site import SIMULATOR, allowed_addresses, environments
from integrations.connectors.registry import connector, connectors
from integrations.doors.admin import bells, callers, layouts, periods, publications
from integrations.doors.admin.allowed import check
from integrations.doors.admin.base import Button, OperatorPages, ServiceForm, TenantPages, badge, told
from integrations.doors.admin.site import site
from integrations.wire.addresses import check_file_server, check_public
from integrations.wire.auth import OAuth2Code
from integrations.wire.connector import Connector, Setting
from integrations.wire.errors import BadAddress

SETTING, SECRET = "setting_", "secret_"  # beginnings of field names
CONSENT = "consent"  # where the session keeps what a consent was begun with
LOOK_AT = {"url": check_public, "server": check_file_server}  # kinds of settings that are addresses
State = Connection.State


def needs_consent(connection: Connection) -> bool:
    """Whether a person connects it by agreeing at the vendor."""
    return isinstance(connector(connection.connector).auth, OAuth2Code)


class ConnectionForm(ServiceForm):
    """A connection's name and environment; what its connector declares is added by `form_for`."""

    kind: Connector

    class Meta:
        model = Connection
        fields = ("name", "environment")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kept = self.instance.secrets.reveal() if self.instance.secrets else {}
        if len(self.kind.environments) == 1:
            self.fields["environment"].widget = forms.HiddenInput()
            self.initial.setdefault("environment", next(iter(self.kind.environments)))
        for setting in self.kind.settings:
            value = self.instance.settings.get(setting.name, setting.default if self.instance._state.adding else None)
            self.initial[SETTING + setting.name] = _shown(value)
        for secret in self.kind.secrets:
            if secret.name in kept:
                field = self.fields[SECRET + secret.name]
                field.required, field.widget.attrs["placeholder"] = False, "kept; leave empty to keep it"

    def clean(self) -> dict[str, Any]:
        """Addresses are looked at here; connecting checks them again, and connects to the very one that was checked."""
        given: dict[str, Any] = super().clean() or self.cleaned_data
        for setting in self.kind.settings:
            look = LOOK_AT.get(setting.kind)
            address = given.get(SETTING + setting.name)
            if look and address and given.get("environment") != SIMULATOR:
                try:
                    look(address, allowed_addresses())
                except BadAddress as error:
                    self.add_error(SETTING + setting.name, f"{error.explanation} {error.advice}")
        return given

    def save_by_service(self) -> None:
        given = self.cleaned_data
        self.instance.connector = self.kind.slug
        told_by_vendor = _brought_by_consent(self.kind)
        said = {each.name: _value(each, given[SETTING + each.name]) for each in self.kind.settings
                if each.name not in told_by_vendor}  # fmt: skip
        self.instance.settings = {
            name: value for name, value in {**self.instance.settings, **said}.items() if value not in (None, "")
        }
        secrets = {each.name: given[SECRET + each.name] for each in self.kind.secrets if given[SECRET + each.name]}
        services.save_connection(self.instance, secrets=secrets, by=self.by)


def form_for(kind: Connector) -> type[ConnectionForm]:
    """The form for connections of this kind."""
    fields: dict[str, Any] = {
        "environment": forms.ChoiceField(
            choices=environments(kind.slug),
            widget=widgets.UnfoldAdminSelectWidget(),
            help_text="Production is your real books. Sandbox and simulator are for trying things out.",
        )
    }
    told_by_vendor = _brought_by_consent(kind)
    fields |= {SETTING + each.name: _field(each, by_consent=each.name in told_by_vendor) for each in kind.settings}
    fields |= {SECRET + each.name: _field(each, secret=True) for each in kind.secrets}
    return type("ConnectionForm", (ConnectionForm,), {"kind": kind, **fields})


def _field(setting: Setting, *, by_consent: bool = False, secret: bool = False) -> forms.Field:
    told: dict[str, Any] = {
        "label": setting.label,
        "help_text": setting.help,
        "required": setting.required and not by_consent,
        "disabled": by_consent,
    }
    if secret or setting.kind == "secret":
        widget = widgets.UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}, render_value=False)
        return forms.CharField(widget=widget, strip=False, **told)
    match setting.kind:
        case "choice":
            return forms.ChoiceField(choices=setting.choices, widget=widgets.UnfoldAdminSelectWidget(), **told)
        case "number":
            return forms.DecimalField(widget=widgets.UnfoldAdminDecimalFieldWidget(), **told)
        case "boolean":
            return forms.BooleanField(widget=widgets.UnfoldBooleanSwitchWidget(), **{**told, "required": False})
        case "json":
            return forms.CharField(
                widget=widgets.UnfoldAdminTextareaWidget(attrs={"rows": 6, "class": "t-code"}), **told
            )
        case _:
            return forms.CharField(widget=widgets.UnfoldAdminTextInputWidget(), **told)


def _shown(value: Any) -> Any:
    return json.dumps(value, indent=2, ensure_ascii=False) if isinstance(value, dict | list) else value


def _value(setting: Setting, given: Any) -> Any:
    """What is kept: JSON where JSON was written, the plain word (of a ready layout, say) where not."""
    if setting.kind == "number" and given is not None:
        return int(given) if given == given.to_integral_value() else str(given)
    if setting.kind != "json" or not str(given).strip().startswith(("{", "[")):
        return given.strip() if isinstance(given, str) else given
    try:
        return json.loads(given, parse_float=str)
    except ValueError as error:
        raise forms.ValidationError({SETTING + setting.name: f"This is no JSON: {error}"}) from error


def _brought_by_consent(kind: Connector) -> tuple[str, ...]:
    return kind.auth.callback_fields if isinstance(kind.auth, OAuth2Code) else ()


def _is_connected(connection: Connection) -> bool:
    return connection.state == State.CONNECTED


class ConnectionPages(TenantPages):
    """A tenant's places at its vendors. Secrets go in and never come out."""

    sees, manages, adds = "tenant.read", "connection.manage", True
    list_display = ("name", "vendor", "where_to", "state_shown", "company_name", "heard_at")
    search_fields = ("name",)
    list_filter = ("state",)
    buttons = (
        Button(name="connect", label="Connect", verb="connection.manage", icon="login", look="primary",
               shown=lambda one: needs_consent(one) and not _is_connected(one)),
        Button(name="renew", label="Connect again", verb="connection.manage", icon="autorenew",
               shown=lambda one: needs_consent(one) and _is_connected(one)),
        Button(name="test", label="Test", verb="connection.manage", icon="network_check", calls_vendor=True,
               shown=_is_connected),
        Button(name="pause", label="Pause", verb="connection.manage", icon="pause", shown=_is_connected),
        Button(name="resume", label="Resume", verb="connection.manage", icon="play_arrow", look="primary",
               shown=lambda one: one.state == State.PAUSED),
        Button(name="disconnect", label="Disconnect", verb="connection.manage", icon="logout", look="danger",
               calls_vendor=True, confirm="Give the vendor's permission back? Flows of this connection will wait.",
               shown=lambda one: needs_consent(one) and one.state != State.NEW),
        Button(name="password", label="New password", verb="connection.manage", icon="key", shown=is_polled,
               confirm="The former password opens nothing any more. Make a new one?"),
        Button(name="accept", label="These are the right books", verb="connection.manage", icon="verified",
               confirm="What is linked here belongs to the former books. Take these for the right ones?",
               shown=callers.was_turned),
        Button(name="key", label="Check the server's key", verb="connection.manage", icon="vpn_key", calls_vendor=True,
               shown=publications.has_host_key),
        Button(name="address", label="New address", verb="connection.manage", icon="link", shown=has_own_address,
               confirm="The vendor has to be told the new one; the former one is good for three more days. Make a new one?"),
        Button(name="upload", label="Upload", verb="connection.manage", shown=lambda one: False),
    )  # fmt: skip

    # Lists

    @display(description="system", ordering="connector")
    def vendor(self, connection: Connection) -> str:
        return _name(connection.connector)

    @display(description="environment", ordering="environment")
    def where_to(self, connection: Connection) -> str:
        return badge(connection.environment)

    @display(description="state", ordering="state")
    def state_shown(self, connection: Connection) -> str:
        return badge(connection.standing, connection.get_state_display())

    @display(description="company")
    def company_name(self, connection: Connection) -> str:
        return connection.company.get("name", "-")

    # The form

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if request.GET.get("connector", "") in connectors():
            return super().add_view(request, form_url, extra_context)
        check(request, self.manages)
        return self.page(
            request, "tieout/choose_connector.html", None, title="Which system?", connectors=connectors().values()
        )

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change=change, **kwargs, form=form_for(self._kind(request, obj)))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        kind = self._kind(request, obj)
        settings_ = [SETTING + each.name for each in kind.settings]
        secrets = [SECRET + each.name for each in kind.secrets]
        if obj is not None and not self.has_change_permission(request, obj):
            settings_, secrets = ["settings_shown"], []
        sets: list[Any] = [(None, {"fields": ["name", "environment"]})]
        if settings_:
            sets.append(("Settings", {"fields": settings_}))
        if secrets:
            sets.append(
                ("Secrets", {"fields": secrets, "description": "Sealed when saved, and never shown again: to nobody."})
            )
        return sets

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        can_change = obj is None or self.has_change_permission(request, obj)
        return () if can_change else ("name", "environment", "settings_shown")

    @display(description="settings")
    def settings_shown(self, connection: Connection) -> str:
        kind = connector(connection.connector)
        labels = {each.name: each.label for each in kind.settings}
        rows = [(labels.get(name, name), _shown(value)) for name, value in connection.settings.items()]
        return format_html_join("", "<div><b>{}</b>: {}</div>", rows)

    def _kind(self, request: HttpRequest, connection: Connection | None) -> Connector:
        slug = connection.connector if connection is not None else request.GET.get("connector", "")
        try:
            return connector(slug)
        except LookupError as unknown:
            raise Http404(str(unknown)) from unknown

    def panel(self, request: HttpRequest, connection: Connection) -> dict[str, Any]:
        kind = connector(connection.connector)
        company = connection.company
        facts = [
            ("System", kind.name),
            ("Environment", badge(connection.environment)),
            ("State", badge(connection.standing, connection.get_state_display())),
            ("Company", " · ".join(str(company[key]) for key in ("name", "currency", "country") if company.get(key))),
            ("Connected since", connection.connected_at),
            ("Last answer", connection.heard_at),
            ("Consent ends", connection.grant_expires_at),
            ("Would lapse unused", connection.refresh_expires_at),
            ("Books closed up to", periods.in_words(LockDates.objects.filter(connection=connection).first())),
        ]
        links = []
        if kind.driver == "files":
            links.append(("Files and layout", self.url("layout", connection), "table_view"))
            links.append(("Outgoing files", self.url("outgoing", connection), "outbox"))
        return {
            "facts": [fact for fact in facts if fact[1]],
            "panel_note": connection.state_reason or publications.caution(connection),
            "links": links,
            "can": kind.can,
            "cannot": kind.cannot,
            "panel_template": "tieout/connection.html",
            **(callers.card(self, request, connection) if is_polled(connection) else {}),
            **bells.card(self, request, connection),
        }

    def get_urls(self) -> Any:
        return [*layouts.urls(self), *publications.urls(self), *callers.urls(self), *super().get_urls()]

    # Buttons

    def do_connect(self, request: HttpRequest, connection: Connection) -> HttpResponse:
        url, kept = authorise.begin(connection, redirect_uri=settings.PUBLIC_URL + reverse("consent_given"))
        request.session[CONSENT] = {**kept, "tenant": str(connection.tenant_id)}
        return redirect(url)

    def do_renew(self, request: HttpRequest, connection: Connection) -> HttpResponse:
        return self.do_connect(request, connection)

    def do_test(self, request: HttpRequest, connection: Connection) -> None:
        company = services.test(connection, by=request.user)
        messages.success(request, f"It answers: {company.name}{f' ({company.currency})' if company.currency else ''}.")

    def do_pause(self, request: HttpRequest, connection: Connection) -> None:
        services.pause(connection, by=request.user)
        messages.success(request, f"{connection} is paused; nothing is sent until it is resumed.")

    def do_resume(self, request: HttpRequest, connection: Connection) -> None:
        services.resume(connection, by=request.user)
        messages.success(request, f"{connection} goes on.")

    def do_disconnect(self, request: HttpRequest, connection: Connection) -> None:
        authorise.disconnect(connection, by=request.user)
        messages.success(request, f"{connection} is disconnected.")

    def do_password(self, request: HttpRequest, connection: Connection) -> HttpResponse:
        return callers.show_password(self, request, connection)

    def do_accept(self, request: HttpRequest, connection: Connection) -> None:
        books = callers.accept_books(request, connection)
        messages.success(request, f"{books}: these are the right books from now on.")

    def do_key(self, request: HttpRequest, connection: Connection) -> HttpResponse:
        return publications.ask_host_key(self, request, connection)

    def do_address(self, request: HttpRequest, connection: Connection) -> None:
        new_address(connection, by=request.user)
        messages.success(request, "The new address stands below: enter it at the vendor.")

    def do_upload(self, request: HttpRequest, connection: Connection) -> HttpResponse:
        return layouts.upload(self, request, connection)


@require_GET
@transaction.non_atomic_requests
def consent_given(request: Any) -> HttpResponse:
    """Where every vendor sends a person back to after a consent; the code is exchanged outside any transaction."""
    kept = request.session.pop(CONSENT, None)
    if request.standing is None or kept is None or kept["tenant"] != str(request.standing.tenant_id):
        messages.error(request, "This answer belongs to no consent that was begun here; press Connect again.")
        return redirect("admin:index")
    check(request, "connection.manage")
    with transaction.atomic():
        connection = Connection.objects.filter(pk=kept["connection"]).first()
    if connection is None:
        raise Http404("There is no such connection here.")
    with told(request):
        authorise.complete(connection, request.GET.dict(), kept, by=request.user)
        company = services.test(connection, by=request.user)
        messages.success(request, f"Connected to {company.name}.")
    return redirect("admin:integrations_connection_change", connection.pk)


class VendorAppForm(forms.ModelForm):
    """The secret is written only: what is stored is never sent back."""

    connector = forms.ChoiceField(widget=widgets.UnfoldAdminSelectWidget())
    client_secret = forms.CharField(
        required=False,
        strip=False,
        widget=widgets.UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}, render_value=False),
        help_text="Sealed when saved, and never shown again. Leave it empty to keep the one that is there.",
    )

    knock_key = forms.CharField(
        required=False,
        label="Key of its messages",
        widget=widgets.UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}, render_value=False),
        help_text="By which the vendor's own messages to us are believed: its verifier token, webhook key or the like. "
        "Sealed when saved; the former one stays good for three more days. Leave it empty to keep the one that is there.",
    )

    class Meta:
        model = VendorApp
        fields = ("connector", "environment", "client_id", "client_secret")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.pop("client_secret", None)
        named = [each for each in connectors().values() if isinstance(each.auth, OAuth2Code)]
        self.fields["connector"].choices = [(each.slug, each.name) for each in named]  # type: ignore[attr-defined]  # a field with choices
        self.fields["client_secret"].required = self.instance._state.adding

    def clean_client_secret(self) -> Any:
        return self.cleaned_data["client_secret"] or self.instance.client_secret


class VendorAppPages(OperatorPages):
    """What the operator registered with vendors, for all tenants."""

    form = VendorAppForm
    adds = deletes = True
    list_display = ("vendor", "where_to", "client_id", "not_believed", "for_nobody")
    ordering = ("connector",)

    @display(description="system")
    def vendor(self, app: VendorApp) -> str:
        return _name(app.connector)

    @display(description="environment")
    def where_to(self, app: VendorApp) -> str:
        return badge(app.environment)

    @display(description="knocks not believed", ordering="refused")
    def not_believed(self, app: VendorApp) -> int:
        return app.refused

    @display(description="knocks for companies not connected", ordering="strayed")
    def for_nobody(self, app: VendorApp) -> int:
        return app.strayed

    def save_model(self, request: Any, obj: Any, form: Any, change: bool) -> None:
        if key := form.cleaned_data["knock_key"].strip():
            bells.keep_key(obj, key)
        obj.save()


def _name(slug: str) -> str:
    known = connectors().get(slug)
    return known.name if known else slug


site.register(Connection, ConnectionPages)
site.register(VendorApp, VendorAppPages)
