"""A person's own machine: private servers, debug off all the same, keys derived once and kept beside the data."""

from agency import embedded
from agency.settings.base import *
from agency.settings.base import ENV, QUEUES
from agency.settings.logs import logging_settings
from agency.settings.mail import mail_settings
from agency.settings.runtime import server_settings

globals().update(server_settings("main", QUEUES))

DEBUG = False
LOGGING = logging_settings(level=ENV.log_level or "WARNING", json_lines=False, directory=ENV.log_dir)
SECRET_KEY = ENV.secret_key.get_secret_value() if ENV.secret_key else embedded.local_secret("secret_key")
ENCRYPTION_KEYS = (
    ENV.encryption_keys.get_secret_value() if ENV.encryption_keys else embedded.local_secret("encryption_key")
).split(",")
globals().update(mail_settings())
