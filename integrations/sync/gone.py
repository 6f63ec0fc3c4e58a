"""Gone: what is to be done where a source record was deleted, voided, archived or merged, or cannot be read: five things.

Pure, like `decide`; and no posted document is ever deleted because something vanished.
"""

from __future__ import annotations

from collections.abc import Collection

from integrations.sync.decide import Credit, Hold, Match, Skip, Void
from integrations.sync.policy import Policy


def decide_gone(
    how: str, match: Match, policy: Policy, *, can: Collection[str], into: str = ""
) -> Void | Credit | Skip | Hold:
    """What to do about a source record that is gone in this way, `into` being the survivor of a merge.

    `can` are the operations that the target offers.
    """
    holds = f"the target holds {match.target_id}" if match.target_id else "it never reached the target"
    if how == "unreadable":  # a fault of today is no proof that anything is gone
        return Hold("source_unreadable", f"the record cannot be read at the source; {holds}")
    if match.target_id is None:
        return Skip("gone_before")
    if match.gone and match.gone != "unreadable":
        return Skip("void_already")
    if policy.source_gone == "leave" or how == "archived":
        return Skip("gone_left")
    if how == "merged":  # what it stands for lives on under another name
        return Hold("source_merged", f"the record was merged into {into or 'another'} at the source; {holds}")
    if how == "deleted" and policy.source_gone == "ask":
        return Hold("source_gone", f"the record is deleted at the source; {holds}")
    if "void" not in policy.may:
        return Hold("source_gone", f"the record is {how} at the source and the flow takes nothing back; {holds}")
    if policy.gone_by not in can:
        return Hold(
            "source_gone", f"the record is {how} at the source, and the target cannot {policy.gone_by}; {holds}"
        )
    return Credit() if policy.gone_by == "credit" else Void()
