"""Commands about who is in the organization: members list, invite, key, role, remove."""

from typing import Any

from sourcecheck.cli.command import Invocation, add_command, add_group
from sourcecheck.cli.text import ago
from sourcecheck.finding import choose_member
from sourcecheck.people import Invitation, Member

ROLES = ("member", "admin")
ON_QUESTION = "what a test with the key does when it needs a person's answer (default: ask)"
WHO = "name, e-mail address or id"


def add_commands(commands: Any) -> None:
    """Add the commands of this module."""
    members = add_group(commands, "members", "list, invite and remove members of your organization")
    add_command(members, "list", _list, "list the members of your organization", "sourcecheck members list")
    new = add_command(
        members,
        "invite",
        _invite,
        "invite a member; their key is shown once",
        "sourcecheck members invite Ada --email ada@example.org\nsourcecheck members invite Nightly --on-question fail",
        notes="\nAdministrators of the organization invite, change and remove members.",
    )
    new.add_argument("name", metavar="NAME", help="name of the person, or of the program that acts as one")
    new.add_argument("--email", help="tells people of the same name apart; the service sends nothing there")
    new.add_argument("--role", choices=ROLES, default="member", help="default: member")
    new.add_argument("--on-question", choices=("ask", "fail"), default="ask", help=ON_QUESTION)
    again = add_command(
        members, "key", _key, "make a new key for a member, shown once", "sourcecheck members key ada@example.org"
    )
    again.add_argument("member", metavar="NAME", help=WHO)
    again.add_argument("--on-question", choices=("ask", "fail"), default="ask", help=ON_QUESTION)
    role = add_command(members, "role", _role, "change the role of a member", "sourcecheck members role Ada admin")
    role.add_argument("member", metavar="NAME", help=WHO)
    role.add_argument("role", choices=ROLES, help="the new role")
    gone = add_command(
        members,
        "remove",
        _remove,
        "remove a member, whose keys stop working",
        "sourcecheck members remove Ada --yes",
    )
    gone.add_argument("member", metavar="NAME", help=WHO)
    gone.add_argument("--yes", action="store_true", help="do not ask for confirmation")


def _list(call: Invocation) -> int:
    members = call.client.list_members()
    call.out.result(members)
    rows = [[str(m.id), m.name, m.email or "", m.role, ago(m.last_used_at)] for m in members]
    call.out.table(["id", "name", "e-mail", "role", "last active"], rows)
    return 0


def _invite(call: Invocation) -> int:
    given = call.given
    made = call.client.invite_member(given.name, email=given.email, role=given.role, on_question=given.on_question)
    return _show(call, made)


def _key(call: Invocation) -> int:
    member = _found(call)
    return _show(call, call.client.invite_member_again(member.id, on_question=call.given.on_question))


def _show(call: Invocation, made: Invitation) -> int:
    address = f"{call.client.url}{made.sign_in}"
    call.out.result({"user_id": made.user_id, "name": made.name, "key": made.key, "sign_in": address})
    call.out.say(f"API key:  {made.key}")
    call.out.say(f"Sign in:  {address}")
    call.out.note(
        f"Hand one of them to {made.name}: this is the only time they are shown; the address works for an hour"
    )
    return 0


def _role(call: Invocation) -> int:
    member = call.client.change_role(_found(call).id, call.given.role)
    call.out.result(member)
    call.out.say(f"{member.name} is {'an administrator' if member.role == 'admin' else 'a member'} now")
    return 0


def _remove(call: Invocation) -> int:
    member = _found(call)
    if not call.is_sure(f"Remove {member.name} (id {member.id}), and refuse their keys?"):
        return 0
    call.client.remove_member(member.id)
    call.out.result({"removed": member.id})
    call.out.say(f"Removed {member.name}")
    return 0


def _found(call: Invocation) -> Member:
    return choose_member(call.given.member, call.client.list_members())
