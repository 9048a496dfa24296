"""How people sign in: django-allauth with a second factor, no open sign-up, lockout with back-off."""

from urllib.parse import urlsplit

from agency.settings.environment import environment

AUTH_USER_MODEL = "agency.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/admin/"
PASSWORD_RESET_TIMEOUT = 3_600  # seconds a reset link works
INVITATION_TIMEOUT = 7 * 86_400  # seconds an invitation works

ACCOUNT_ADAPTER = "agency.views.account_adapter.InvitedOnlyAdapter"
ACCOUNT_LOGIN_METHODS = {"email", "username"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"  # invitations prove the address; a changed one is proven again
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Batuta] "
ACCOUNT_EMAIL_NOTIFICATIONS = True  # one is told when password, address or second factor change
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 900  # seconds
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_USER_MODEL_USERNAME_FIELD = "username"
ACCOUNT_RATE_LIMITS = {
    # Wrong passwords for one account: each further five cost a longer pause. From one address: ten a minute.
    "login_failed": "10/m/ip,5/5m/key,10/h/key,20/d/key",
    "login": "30/m/ip",
    "reset_password": "10/m/ip,3/h/key",
    "reauthenticate": "5/m/user",
}
ALLAUTH_TRUSTED_PROXY_COUNT = environment().trusted_proxies

MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Batuta"
MFA_TOTP_TOLERANCE = 1  # steps of 30 s that a phone's clock may be off
MFA_RECOVERY_CODES_SHOW_ONCE = True
# Browsers treat localhost as secure; the library asks for permission to do the same where there is no HTTPS.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = urlsplit(environment().public_base_url).scheme != "https"

USERSESSIONS_TRACK_ACTIVITY = True  # the list of sessions shows where and when each was last used
