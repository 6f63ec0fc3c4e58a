"""People: the company itself, its members, the supporters it lets in, and the operator's users and customers."""

from __future__ import annotations

from datetime import timedelta
from smtplib import SMTPException
from typing import Any

from allauth.account.forms import ResetPasswordForm
from allauth.core.context import request_context
from django import forms
from django.contrib import messages
from django.contrib.admin import display
from django.contrib.auth.admin import UserAdmin
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from unfold import widgets
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from integrations.doors.admin.allowed import is_operator
from integrations.doors.admin.base import OperatorPages, ServiceForm, TenantPages, told
from integrations.doors.admin.site import site
from plumbing.roles import dispatch
from tenants import audit
from tenants.access.models import Membership, SupportAccess, User
from tenants.access.permissions import Role
from tenants.models import Tenant
from tenants.scope import tenant_scope

LONGEST_SUPPORT = timedelta(days=14)


class TenantForm(ServiceForm):
    """What a company may say of itself."""

    class Meta:
        model = Tenant
        fields = ("name", "time_zone", "home_currency")
        help_texts = {"time_zone": "Schedules and times are told in this zone.", "home_currency": "Of the books: EUR."}

    def save_by_service(self) -> None:
        self.instance.save(update_fields=("name", "time_zone", "home_currency"))
        audit.record(
            "tenant.saved", subject=self.instance, actor=self.by, data=dict.fromkeys(self.changed_data, "changed")
        )


class CompanyPages(TenantPages):
    """The tenant in the session, and no other."""

    form = TenantForm
    sees, manages = "tenant.read", "tenant.manage"
    list_display = ("name", "slug", "time_zone", "home_currency")
    ordering = ("name",)

    def get_queryset(self, request: Any) -> Any:
        return Tenant.objects.filter(pk=request.standing.tenant_id) if request.standing else Tenant.objects.none()


class MembershipForm(ServiceForm):
    """A member by e-mail address; somebody new gets a user, and a mail with a way to choose a password."""

    email = forms.EmailField(widget=widgets.UnfoldAdminEmailInputWidget())

    class Meta:
        model = Membership
        fields = ("role",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            self.initial["email"] = self.instance.user.email
            self.fields["email"].disabled = True

    def save_by_service(self) -> None:
        if self.instance._state.adding:
            self.instance.user = user_of(self.cleaned_data["email"])
            self.instance.validate_constraints()
        elif "role" in self.changed_data:
            _keep_an_owner(self.instance)
        verb = "member.added" if self.instance._state.adding else "member.changed"
        self.instance.save()
        audit.record(
            verb, subject=self.instance, actor=self.by,
            data={"role": self.instance.role, "user": str(self.instance.user_id)},
        )  # fmt: skip


def user_of(email: str) -> User:
    """The user of that address, made where there is none: see `invite`."""
    found = User.objects.filter(email__iexact=email).first()
    if found is not None:
        return found
    made = User(username=email.lower(), email=email.lower())
    made.set_unusable_password()
    made.save()
    return made


def invite(request: Any, user: User) -> None:
    """Write to somebody who has no password yet how to choose one, once all this is saved."""
    if user.has_usable_password():
        return

    def write() -> None:
        form = ResetPasswordForm(data={"email": user.email})
        try:
            with request_context(request):
                if form.is_valid():
                    form.save(request)
        except (OSError, SMTPException):
            messages.warning(
                request, f"The mail to {user.email} could not be sent; “Forgot your password?” does the same."
            )
        else:
            messages.info(request, f"{user.email} gets a mail with a way to choose a password.")

    transaction.on_commit(write)


def _keep_an_owner(membership: Membership) -> None:
    """Raises ValidationError where the last owner would go."""
    others = Membership.objects.filter(role=Role.OWNER).exclude(pk=membership.pk)
    was_owner = Membership.objects.filter(pk=membership.pk, role=Role.OWNER).exists()
    if was_owner and not others.exists():
        raise ValidationError("A company needs an owner: make somebody else one first.")


class MembershipPages(TenantPages):
    """Who belongs to the company, and as what; an owner decides."""

    form = MembershipForm
    fields = ("email", "role")
    sees, manages, adds, deletes = "tenant.read", "member.manage", True, True
    list_display = ("user", "address", "role", "created_at")
    list_select_related = ("user",)
    ordering = ("created_at",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("email", "role") if self.has_change_permission(request, obj) else ("user", "role")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if self.has_change_permission(request, obj) else ("user", "role")

    @display(description="e-mail")
    def address(self, membership: Membership) -> str:
        return membership.user.email

    def save_model(self, request: Any, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            invite(request, obj.user)

    def delete_model(self, request: Any, obj: Any) -> None:
        audit.record("member.removed", subject=obj, actor=request.user, data={"user": str(obj.user_id)})
        obj.delete()

    def has_delete_permission(self, request: Any, obj: Any = None) -> bool:
        allowed = super().has_delete_permission(request, obj)
        if allowed and obj is not None:
            try:
                _keep_an_owner(obj)
            except ValidationError:
                return False
        return allowed


class SupportForm(ServiceForm):
    """A supporter is let in by e-mail address, for a reason and until a moment."""

    email = forms.EmailField(widget=widgets.UnfoldAdminEmailInputWidget())

    class Meta:
        model = SupportAccess
        fields = ("reason", "until")

    def save_by_service(self) -> None:
        access = self.instance
        found = User.objects.filter(email__iexact=self.cleaned_data["email"], is_active=True).first()
        if found is None:
            raise ValidationError({"email": "Nobody signs in with this address."})
        if not timezone.now() < access.until <= timezone.now() + LONGEST_SUPPORT:
            raise ValidationError({"until": f"Choose a moment within the next {LONGEST_SUPPORT.days} days."})
        access.user, access.granted_by = found, self.by
        access.save()
        audit.record(
            "support.let_in", subject=access, actor=self.by,
            data={"user": str(found.pk), "reason": access.reason, "until": access.until},
        )  # fmt: skip


class SupportPages(TenantPages):
    """Who was let in to look; an access is given and ended, never changed."""

    form = SupportForm
    sees, manages, adds, deletes = "tenant.read", "support.manage", True, True
    list_display = ("user", "reason", "granted_by", "granted_at", "until")
    list_select_related = ("user", "granted_by")
    fields = ("email", "reason", "until")

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: Any, obj: Any = None) -> bool:
        return super().has_change_permission(request, None)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("user", "reason", "granted_by", "granted_at", "until") if obj is not None else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("user", "reason", "granted_by", "granted_at", "until") if obj is not None else ()

    def delete_model(self, request: Any, obj: Any) -> None:
        audit.record("support.ended", subject=obj, actor=request.user, data={"user": str(obj.user_id)})
        obj.delete()


class UserPages(OperatorPages, UserAdmin):
    """Who may sign in to this installation; what they may do is a matter of their memberships."""

    form, add_form, change_password_form = UserChangeForm, UserCreationForm, AdminPasswordChangeForm
    adds = True
    list_display = ("email", "first_name", "last_name", "is_active", "is_superuser", "last_login")
    list_filter = ("is_active", "is_superuser")
    search_fields = ("email", "first_name", "last_name")
    ordering = ("email",)
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "email", "password", "first_name", "last_name")}),
        ("Operator", {"fields": ("is_active", "is_superuser"), "description": "A superuser runs this installation."}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("username", "email", "password1", "password2")}),)

    def save_model(self, request: Any, obj: Any, form: Any, change: bool) -> None:
        obj.save()


def customers(request: Any) -> HttpResponse:
    """Every customer of the installation by name, and the way to give a new one its first owner. Nothing else of them."""
    if not is_operator(request):
        raise PermissionDenied("Only the operator sees all customers.")
    if request.method == "POST":
        with told(request), transaction.atomic():
            _add_first_owner(request)
        return redirect("admin:customers")
    with dispatch():
        found = list(Tenant.objects.order_by("name").values("id", "slug", "name", "time_zone"))
    return render(
        request, "tieout/customers.html", {**site.each_context(request), "title": "Customers", "customers": found}
    )


def _add_first_owner(request: Any) -> None:
    """Raises ValidationError where the customer has members: from then on its owners decide."""
    address = forms.EmailField().clean(request.POST.get("email"))
    with dispatch():
        known = Tenant.objects.filter(slug=request.POST.get("tenant", "")).values_list("id", flat=True).first()
    if known is None:
        raise ValidationError("There is no such customer.")
    with tenant_scope(known):
        if Membership.objects.exists():
            raise ValidationError("This customer has members already; its owners add others.")
        member = Membership.objects.create(user=user_of(address), role=Role.OWNER)
        audit.record("member.added", subject=member, actor=request.user, data={"role": Role.OWNER, "first": True})
    invite(request, member.user)
    messages.success(request, f"{address} is the owner now.")


site.register(Tenant, CompanyPages)
site.register(Membership, MembershipPages)
site.register(SupportAccess, SupportPages)
site.register(User, UserPages)
site.own_page("customers/", customers, "customers")
