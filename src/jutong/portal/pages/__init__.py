"""One folder per topic: route, template, English. Here they are put in a row, and nowhere else."""

from jutong.portal.pages import (
    about,
    applications,
    arrivals,
    batches,
    campaign,
    cases,
    catalogue,
    cloud,
    companies,
    credit,
    deliveries,
    desk,
    elements,
    extracts,
    forms,
    grants,
    indicators,
    issues,
    ledger,
    licences,
    lists,
    machines,
    me,
    metering,
    models,
    notices,
    objections,
    people,
    persons,
    plans,
    projects,
    registers,
    requests,
    retention,
    scores,
    screen,
    search,
    security,
    seen,
    services,
    signin,
    sources,
    standards,
    storage,
    upkeep,
)

_TOPICS = (
    signin, me, desk, screen, search, notices, about,
    sources, batches, arrivals, forms, machines, issues, standards, elements, companies, registers,
    storage, upkeep, retention, scores, persons, licences, credit, plans,
    catalogue, lists, objections,
    cases, requests, grants, services, deliveries, extracts, ledger, metering, seen,
    applications, models, indicators, campaign, projects, cloud, people, security,
)  # fmt: skip

PAGES = tuple(page for topic in _TOPICS for page in topic.PAGES)
ACTS = tuple(act for topic in _TOPICS for act in topic.ACTS)

__all__ = ["ACTS", "PAGES"]
