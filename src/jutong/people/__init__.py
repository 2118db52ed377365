"""机构与人员: departments, users, roles, the three administrators; who may do what, with a reason."""

from jutong.people.actions import ACTIONS, ANY_ROLE, Rule, Where
from jutong.people.decisions import columns_of, decide, permitted, visible_to
from jutong.people.party import ADMINISTRATORS, ROLES, SYSTEM, Department, Party, User
from jutong.people.passwords import hash_password
from jutong.people.register import (
    add_department,
    add_departments,
    add_user,
    department,
    departments,
    forget_factor,
    grant_role,
    party_of,
    reset_password,
    revoke_role,
    set_user_state,
    steward_code,
    unlock,
    users,
)
from jutong.people.second_factor import Enrolment, begin_enrolment, finish_enrolment
from jutong.people.security_log import EVENT_LABELS, Event, SecurityEvent, log, security_events
from jutong.people.sessions import Session, close_session, find_party, open_session, session_of, tidy
from jutong.people.signing_in import SignedIn, change_password, sign_in

__all__ = [
    "ACTIONS",
    "ADMINISTRATORS",
    "ANY_ROLE",
    "EVENT_LABELS",
    "ROLES",
    "SYSTEM",
    "Department",
    "Enrolment",
    "Event",
    "Party",
    "Rule",
    "SecurityEvent",
    "Session",
    "SignedIn",
    "User",
    "Where",
    "add_department",
    "add_departments",
    "add_user",
    "begin_enrolment",
    "change_password",
    "close_session",
    "columns_of",
    "decide",
    "department",
    "departments",
    "find_party",
    "finish_enrolment",
    "forget_factor",
    "grant_role",
    "hash_password",
    "log",
    "open_session",
    "party_of",
    "permitted",
    "reset_password",
    "revoke_role",
    "security_events",
    "session_of",
    "set_user_state",
    "sign_in",
    "steward_code",
    "tidy",
    "unlock",
    "users",
    "visible_to",
]
