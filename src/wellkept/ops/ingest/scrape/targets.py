"""From jobs and groups to targets: every address once, with its URL and its labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from wellkept.kernel.errors import ConflictError, InputError
from wellkept.ops.ingest.scrape.address import Address
from wellkept.ops.ingest.scrape.base import Labels, Target, sorted_labels
from wellkept.ops.ingest.scrape.job import Group, Job

Targets = dict[tuple[str, Labels], Target]


def checked(jobs: tuple[Job, ...]) -> tuple[Job, ...]:
    """The jobs, whose names and targets are all different.

    Raises:
        InputError: they are not.
    """
    names = [job.job for job in jobs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError("job", "must have a name of its own", twice)
    for job in jobs:
        own_targets(job)
    return jobs


def own_targets(job: Job) -> Targets:
    """The targets that stand in the configuration itself.

    Raises:
        ConflictError: two addresses would write the same series.
    """
    return united(targets_of(job, (Group(targets=job.targets), *job.groups)), f"job {job.job}")


def targets_of(job: Job, groups: Iterable[Group]) -> Iterator[Target]:
    """The targets of groups. A label of a group counts more than one of the job."""
    for group in groups:
        for text in group.targets:
            address = Address.read(text)
            labels: Mapping[str, str] = {"job": job.job, "instance": address.place, **job.labels, **group.labels}
            yield Target(job, address.url(job.scheme, job.path, job.params), sorted_labels(labels))


def united(targets: Iterable[Target], source: str) -> Targets:
    """The targets by what they are; one that is named twice counts once.

    Raises:
        ConflictError: two addresses would write the same series.
    """
    found: Targets = {}
    for target in targets:
        other = found.setdefault(target.key, target)
        if other.url != target.url:
            rule = f"must have other labels than {other.address}: give one of them a label, such as instance"
            raise ConflictError(f"{source}: target {target.address}", rule)
    return found
