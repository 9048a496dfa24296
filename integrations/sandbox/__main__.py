"""`python -m integrations.sandbox`: the sandbox without Django's start-up, as the tests start it."""

import argparse
import sys

from .main import add_arguments, run

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m integrations.sandbox", description="Imitated services. Not real.")
    add_arguments(parser)
    sys.exit(run(vars(parser.parse_args())))
