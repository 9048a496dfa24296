"""The folder of a new service, as `manage.py new_integration` writes it: texts with `$names`, filled by `integrations.skeleton.writing`."""
