from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "tenants.access"
    label = "access"
    verbose_name = "Users and access"

    def ready(self) -> None:
        from plumbing import resealing
        from tenants.access import sign_in

        resealing.others["second factors"] = sign_in.reseal_second_factors
