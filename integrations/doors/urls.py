"""The addresses of the doors."""

from django.shortcuts import redirect
from django.templatetags.static import static
from django.urls import path
from django.views.generic import RedirectView

from integrations.doors.admin import site
from integrations.doors.admin.connections import consent_given
from integrations.doors.hooks import knocked
from integrations.doors.polled import polled

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("favicon.ico", lambda request: redirect(static("tieout/icon.svg")), name="icon"),
    path("admin/", site.urls),
    # Registered with every vendor as the place to come back to: it never changes.
    path("connections/connected/", consent_given, name="consent_given"),
    # Stands in the invitation files of vendors that poll us: it never changes.
    path("polled/<slug:slug>/", polled, name="polled"),
    # Entered at the vendors that tell us what happened: it never changes.
    path("knocks/<slug:slug>/<slug:place>/", knocked, name="knocked"),
]
