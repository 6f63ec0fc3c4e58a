"""Where requests go. Health answers without a session; everything else belongs to a room."""

from django.urls import include, path

from plumbing import health

urlpatterns = [
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("accounts/", include("allauth.urls")),
    path("", include("integrations.doors.urls")),
]
