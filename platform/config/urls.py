"""Where requests go. Health answers without a session; everything else belongs to a room."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from plumbing import health

admin.autodiscover()
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]  # the admin signs in by allauth, second factor included

urlpatterns = [
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
]
