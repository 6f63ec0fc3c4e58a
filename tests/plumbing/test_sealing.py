"""Secrets at rest are sealed, stay out of sight, and move to a new key."""

import copy
import pickle

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from config import env
from plumbing import masking, sealing
from plumbing.resealing import sealed_fields
from plumbing.sealing import BadKey, CannotOpen, SealedField, Secret

PLACE = "connection.secrets"


@pytest.fixture
def keys(settings):
    """Two keys, of which the first seals."""
    settings.SEALING_KEYS = [env.sealing_key(), env.sealing_key()]
    return settings.SEALING_KEYS


def test_what_is_sealed_opens_again_and_does_not_show(keys):
    sealed = sealing.seal("hush hush", place=PLACE)
    assert "hush" not in sealed
    assert sealing.unseal(sealed, place=PLACE) == "hush hush"


def test_the_same_text_is_sealed_differently_each_time(keys):
    assert sealing.seal("hush", place=PLACE) != sealing.seal("hush", place=PLACE)


def test_a_former_key_still_opens(keys, settings):
    sealed = sealing.seal("hush", place=PLACE)
    settings.SEALING_KEYS = [env.sealing_key(), *keys]
    assert sealing.unseal(sealed, place=PLACE) == "hush"
    assert sealing.renewed(sealed, place=PLACE) != sealed


def test_without_its_key_a_value_says_which_key_it_wants(keys, settings):
    sealed = sealing.seal("hush", place=PLACE)
    settings.SEALING_KEYS = [env.sealing_key()]
    with pytest.raises(CannotOpen, match=sealed.split(".")[1]):
        sealing.unseal(sealed, place=PLACE)


def test_a_value_moved_to_another_place_does_not_open(keys):
    with pytest.raises(CannotOpen, match="another place"):
        sealing.unseal(sealing.seal("hush", place=PLACE), place="elsewhere.secrets")


@pytest.mark.parametrize(
    "change", [lambda s: s[:-4] + "AAAA", lambda s: "plain text", lambda s: "s1.x", lambda s: s + "!"]
)
def test_an_altered_value_does_not_open(keys, change):
    with pytest.raises(CannotOpen):
        sealing.unseal(change(sealing.seal("hush hush hush", place=PLACE)), place=PLACE)


@pytest.mark.parametrize("ring", [[], ["short"], ["not base64 at all !!"]])
def test_a_bad_key_is_found_at_once(settings, ring):
    settings.SEALING_KEYS = ring
    with pytest.raises(BadKey):
        sealing.keyring()


def test_a_secret_shows_itself_to_nobody(keys):
    secret = Secret({"token": "abcdefgh-12345"})
    assert "abcdefgh" not in f"{secret!r} {secret} {[secret]}"
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    assert copy.deepcopy(secret) is secret


def test_a_revealed_secret_is_masked_from_then_on(keys):
    Secret({"token": "unheard-of-98765", "list": ["another-unheard-43210"]}).reveal()
    assert "unheard" not in masking.mask("unheard-of-98765 and another-unheard-43210")


def test_what_is_revealed_is_a_copy(keys):
    secret = Secret({"a": "1"})
    secret.reveal()["a"] = "2"
    assert secret.reveal() == {"a": "1"}


def test_two_secrets_are_equal_when_they_say_the_same(keys):
    assert Secret({"a": 1}) == Secret({"a": 1})
    assert Secret({"a": 1}) != Secret({"a": 2})


@pytest.mark.django_db
class TestField:
    """With the operator's registration at a vendor, which needs no tenant."""

    @pytest.fixture
    def model(self):
        from django.apps import apps

        return apps.get_model("integrations", "VendorApp")

    @pytest.fixture
    def row(self, model):
        return model.objects.create(connector="acme", environment="sandbox", client_id="1", client_secret="hush hush")

    def test_the_table_holds_no_plain_value(self, row):
        with connection.cursor() as cursor:
            cursor.execute("SELECT client_secret FROM integrations_vendorapp")
            stored = cursor.fetchone()[0]
        assert stored.startswith("s1.")
        assert "hush" not in stored

    def test_it_reads_as_a_secret(self, model, row):
        found = model.objects.get()
        assert found.client_secret.reveal() == "hush hush"
        assert "hush" not in repr(found.__dict__)
        assert "hush" not in repr(row.__dict__)

    def test_saving_again_does_not_seal_again(self, model, row):
        before = model.objects.get()
        before.save()
        assert model.objects.get().client_secret._sealed == before.client_secret._sealed

    def test_nobody_searches_by_it(self, model, row):
        with pytest.raises(Exception, match="lookup"):
            model.objects.filter(client_secret="hush hush").exists()

    def test_a_form_shows_nothing_and_keeps_what_is_not_typed_anew(self, model, row):
        from django.forms import modelform_factory

        form_class = modelform_factory(model, fields=["client_id", "client_secret"])
        assert "hush" not in str(form_class(instance=row))
        form_class({"client_id": "2", "client_secret": ""}, instance=row).save()
        assert model.objects.get().client_secret.reveal() == "hush hush"
        form_class({"client_id": "2", "client_secret": "new secret"}, instance=row).save()
        assert model.objects.get().client_secret.reveal() == "new secret"


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_resealing_carries_every_secret_to_the_newest_key(settings, keys):
    from allauth.mfa.adapter import get_adapter
    from allauth.mfa.models import Authenticator
    from django.apps import apps

    from tenants.access.models import User

    person = User.objects.create_user("ada", "ada@example.test")
    Authenticator.objects.create(user=person, type="totp", data={"secret": get_adapter().encrypt("SEED")})
    model = apps.get_model("integrations", "VendorApp")
    for number in range(1203):
        model(connector=f"acme-{number}", environment="x", client_id="1", client_secret=f"hush {number}").save()
    newest = env.sealing_key()
    settings.SEALING_KEYS = [newest, *keys]
    call_command("reseal", verbosity=0)
    settings.SEALING_KEYS = [newest]
    assert {row.client_secret.reveal() for row in model.objects.all()} == {f"hush {number}" for number in range(1203)}
    assert get_adapter().decrypt(Authenticator.objects.get().data["secret"]) == "SEED"


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_resealing_stops_at_a_value_without_its_key(settings, keys):
    from django.apps import apps

    apps.get_model("integrations", "VendorApp").objects.create(
        connector="acme", environment="x", client_id="1", client_secret="hush"
    )
    settings.SEALING_KEYS = [env.sealing_key()]
    with pytest.raises(CommandError, match="put the missing key back"):
        call_command("reseal", verbosity=0)


def test_every_sealed_field_is_found():
    assert all(isinstance(field, SealedField) for _, field in sealed_fields())
    assert "integrations_vendorapp.client_secret" in {field.place for _, field in sealed_fields()}
