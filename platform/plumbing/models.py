"""The heartbeats of what runs in the background."""

from django.db import models


class Heartbeat(models.Model):
    """When a part of the machinery was last seen working: `worker`, `tick`."""

    name = models.CharField(primary_key=True, max_length=40)
    at = models.DateTimeField()
