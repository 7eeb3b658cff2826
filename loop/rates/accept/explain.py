"""Tells a plan of what is accepted in sentences."""

from __future__ import annotations

from loop.rates.accept.plan import AcceptPlan


def explain(plan: AcceptPlan) -> list[str]:
    """Return what a plan accepts and what bears it out, or why it accepts nothing, and what is missing."""
    share = f"{100 * plan.error:.4g}%"
    if plan.tasks:
        before = f" and of {plan.accepted_before} tasks accepted before" if plan.accepted_before else ""
        audit = f"{plan.wrong} of {plan.judged} on {plan.audited} audited tasks that are as sure"
        return [
            f"{len(plan.tasks)} of {plan.open} open tasks can be accepted, with {plan.boxes} boxes of {plan.version}",
            f"wrong boxes: at most {share} of them{before}, with 95% confidence; {audit}",
        ]
    if not plan.open - plan.open_audits:
        return [f"nothing to accept: no open task outside the audit is predicted by {plan.version}"]
    nothing = f"nothing can be accepted with {plan.all_audited} audited tasks of {plan.version} reviewed"
    if plan.too_few:
        few = f"{plan.open} open tasks are too few to bound their wrong boxes by {share}"
        return [f"nothing can be accepted: {few}, even if all boxes of the audit are right"]
    if plan.needed is None:
        return [f"{nothing}: too many of their boxes are wrong for {share}, however many there were"]
    more = max(1, plan.needed - plan.all_audited)
    return [
        f"{nothing}: about {more} more are needed, if they are like these",
        f"next: review the {plan.open_audits} open tasks of the audit; LOOP_AUDIT_SHARE sets the next version's share",
    ]
