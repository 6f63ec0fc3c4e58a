"""Who may do what, and which tenant a page works for."""

from datetime import timedelta

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils import timezone

from tenants.access import middleware
from tenants.access.models import Membership, SupportAccess, User
from tenants.access.permissions import PERMISSIONS, Role
from tenants.access.who import may, standing, standings
from tenants.scope import NoTenantInScope, current_tenant_id, tenant_scope


@pytest.fixture
def ada(db):
    return User.objects.create_user("ada", "ada@example.test", "a long pass phrase")


def join(person, tenant, role):
    with tenant_scope(tenant.pk):
        return Membership.objects.create(user=person, role=role)


def visit(person, view, *, tenant=None):
    """A page as the middleware serves it; gives the request as the view saw it, and the answer."""
    request = RequestFactory().get("/")
    request.user, request.session = person, SessionStore()
    if tenant:
        request.session[middleware.SESSION_KEY] = str(tenant.pk)

    def get_response(request):
        try:
            around.process_view(request, view, (), {})
            return view(request)
        except ZeroDivisionError as problem:
            around.process_exception(request, problem)
            return HttpResponse(status=500)

    around = middleware.TenantMiddleware(get_response)
    return request, around(request)


def test_every_role_has_its_verbs():
    assert set(PERMISSIONS) == set(Role)
    assert PERMISSIONS[Role.AUDITOR] < PERMISSIONS[Role.OWNER]
    assert PERMISSIONS[Role.OPERATOR] < PERMISSIONS[Role.ADMIN] < PERMISSIONS[Role.OWNER]


def test_a_person_may_what_the_role_may_and_only_there(ada, other_tenant, tenant):
    join(ada, tenant, Role.OPERATOR)
    assert may(ada, "run.start", tenant)
    assert not may(ada, "connection.manage", tenant)
    assert not may(ada, "run.start", other_tenant)


def test_a_superuser_of_the_site_is_nobody_in_a_tenant(tenant):
    root = User.objects.create_superuser("root", "root@example.test", "a long pass phrase")
    assert not may(root, "tenant.read", tenant)


def test_somebody_inactive_belongs_nowhere(ada, tenant):
    join(ada, tenant, Role.OWNER)
    ada.is_active = False
    assert standings(ada) == []


def test_a_supporter_sees_until_the_moment_comes_and_changes_nothing(ada, tenant):
    owner = User.objects.create_user("grace", "grace@example.test")
    let_in = SupportAccess.objects.create(
        user=ada, granted_by=owner, reason="case 7", until=timezone.now() + timedelta(hours=1)
    )
    assert may(ada, "audit.read", tenant)
    assert not may(ada, "run.start", tenant)
    let_in.until = timezone.now() - timedelta(seconds=1)
    let_in.granted_at = timezone.now() - timedelta(hours=1)
    let_in.save()
    assert standing(ada, tenant.pk) is None


def test_a_member_stays_a_member_while_let_in_as_support(ada, tenant):
    join(ada, tenant, Role.ADMIN)
    SupportAccess.objects.create(user=ada, granted_by=ada, reason="case 7", until=timezone.now() + timedelta(hours=1))
    assert standing(ada, tenant.pk).role == "admin"


def test_the_only_tenant_is_chosen_by_itself(ada, tenant):
    join(ada, tenant, Role.OWNER)
    request, answer = visit(ada, lambda request: HttpResponse(str(current_tenant_id())))
    assert answer.content.decode() == str(tenant.pk)
    assert request.tenant.slug == "ours"
    assert request.standing.role == "owner"


def test_somebody_of_two_tenants_works_for_the_chosen_one(ada, tenant, other_tenant):
    join(ada, tenant, Role.OWNER)
    join(ada, other_tenant, Role.AUDITOR)
    nowhere, _ = visit(ada, lambda request: HttpResponse())
    assert nowhere.tenant is None
    request, _ = visit(ada, lambda request: HttpResponse(str(request.tenant)), tenant=other_tenant)
    assert request.standing.role == "auditor"


def test_a_choice_ends_with_the_membership(ada, tenant, other_tenant):
    membership = join(ada, tenant, Role.OWNER)
    visit(ada, lambda request: HttpResponse(), tenant=tenant)
    membership.delete()
    request, _ = visit(ada, lambda request: HttpResponse(), tenant=tenant)
    assert request.tenant is None
    assert request.standings == []


def test_nobody_chooses_a_tenant_of_others(ada, tenant, other_tenant):
    join(ada, tenant, Role.OWNER)
    request, _ = visit(ada, lambda request: HttpResponse())
    assert not middleware.choose(request, other_tenant.pk)
    assert middleware.choose(request, tenant.pk)
    assert request.session["tenant"] == str(tenant.pk)


def test_a_visitor_has_no_scope(db):
    from django.contrib.auth.models import AnonymousUser

    def view(request):
        with pytest.raises(NoTenantInScope):
            Membership.objects.count()
        return HttpResponse("nothing")

    assert visit(AnonymousUser(), view)[1].content == b"nothing"


@pytest.mark.django_db(transaction=True)
class TestPages:
    """With real commits."""

    @pytest.fixture
    def member(self, other_tenant):
        person = User.objects.create_user("ada", "ada@example.test", "a long pass phrase")
        with tenant_scope(other_tenant.pk), transaction.atomic():
            Membership.objects.create(user=person, role=Role.OWNER)
        return person

    def test_a_page_that_fails_leaves_nothing_behind(self, member):
        def view(request):
            User.objects.create_user("half", "half@example.test")
            raise ZeroDivisionError

        assert visit(member, view)[1].status_code == 500
        assert not User.objects.filter(username="half").exists()

    def test_an_error_of_the_api_leaves_nothing_behind(self, member):
        def view(request):
            User.objects.create_user("half", "half@example.test")
            answer = HttpResponse(status=400)
            answer.exception = True
            return answer

        visit(member, view)
        assert not User.objects.filter(username="half").exists()

    def test_a_page_is_kept_when_it_succeeds(self, member):
        visit(member, lambda request: HttpResponse(User.objects.create_user("done", "done@example.test").username))
        assert User.objects.filter(username="done").exists()

    def test_a_view_may_do_without_the_transaction(self, member):
        @transaction.non_atomic_requests
        def view(request):
            return HttpResponse(str(connection.in_atomic_block))

        assert visit(member, view)[1].content == b"False"

    def test_the_next_request_on_the_same_connection_has_no_scope(self, member, client):
        visit(member, lambda request: HttpResponse(str(request.tenant)))
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT coalesce(current_setting('tieout.tenant', true), '')")
            assert cursor.fetchone()[0] == ""

    def test_a_scope_left_open_by_one_request_does_not_reach_the_next(self, member, other_tenant):
        from django.core.signals import request_started

        tenant_scope(other_tenant.pk).__enter__()
        request_started.send(sender=type(self))
        with pytest.raises(NoTenantInScope):
            current_tenant_id()


def leave_a_scope_open(tenant_id):
    from plumbing import scope

    scope._scope.set(tenant_id)


def say_the_scope():
    from plumbing import scope

    return str(scope.current())


@pytest.mark.django_db(transaction=True)
def test_a_scope_left_open_by_one_task_does_not_reach_the_next(other_tenant):
    from multiprocessing import Value
    from queue import Queue

    from django_q.worker import worker

    tasks, results = Queue(), Queue()
    tasks.put({"id": "1", "name": "one", "func": leave_a_scope_open, "args": (other_tenant.pk,), "kwargs": {}})
    tasks.put({"id": "2", "name": "two", "func": say_the_scope, "args": (), "kwargs": {}})
    tasks.put("STOP")
    worker(tasks, results, Value("f", -1), timeout=30)
    assert [results.get()["result"] for _ in range(2)] == [None, "None"]


@pytest.mark.django_db(transaction=True)
def test_a_signed_in_person_sees_the_admin_through_the_whole_stack(client, other_tenant):
    person = User.objects.create_superuser("root", "root@example.test", "a long pass phrase")
    with tenant_scope(other_tenant.pk), transaction.atomic():
        Membership.objects.create(user=person, role=Role.OWNER)
    client.force_login(person)
    assert client.get("/admin/").status_code == 200
    assert client.get("/accounts/2fa/", follow=True).status_code == 200


@pytest.mark.django_db
def test_nobody_registers_himself(client):
    page = client.get("/accounts/signup/")
    assert b"password1" not in page.content


@pytest.mark.django_db
def test_signing_in_asks_for_mail_address_and_password(client):
    User.objects.create_user("ada", "ada@example.test", "a long pass phrase")
    answer = client.post("/accounts/login/", {"login": "ada@example.test", "password": "a long pass phrase"})
    assert answer.status_code == 302
