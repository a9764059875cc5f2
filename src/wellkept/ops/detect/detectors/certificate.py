"""Certificates that expire: the day is known, so there is nothing to forecast."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import numpy as np

from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity, fingerprint
from wellkept.ops.detect.base import DetectSettings, View
from wellkept.ops.detect.catalogue import duration
from wellkept.ops.detect.signals import moment
from wellkept.ops.detect.words import bare
from wellkept.store.telemetry.window import SeriesInfo

DAY_S = 86_400.0
NOT_AFTER = frozenset(
    {
        "tls.certificate.not_after",
        "probe_ssl_earliest_cert_expiry",
        "probe_ssl_last_chain_expiry_timestamp_seconds",
        "x509_cert_not_after",
        "ssl_cert_not_after",
        "certmanager_certificate_expiration_timestamp_seconds",
        "kube_certificatesigningrequest_expiration",
    }
)
"""Series that hold the end of a certificate in seconds since the epoch: of probes, exporters and cert-manager."""
LEFT: Mapping[str, float] = {
    "tls.certificate.days_left": DAY_S,
    "httpcheck.tls.cert_remaining": 1.0,
    "x509_cert_expires_in_seconds": 1.0,
}
"""Series that hold what is left, and the seconds of their unit."""
_NAMES = (
    "subject",
    "subject_CN",
    "cn",
    "dnsnames",
    "name",
    "filename",
    "filepath",
    "secret_name",
    "target",
    "host",
    "instance",
)
NOTICE = ((0.0, Severity.CRITICAL), (2 * DAY_S, Severity.ERROR), (14 * DAY_S, Severity.WARNING))
"""Below these seconds it is so bad; a certificate is renewed weeks before its end where that is done by itself."""
MENTIONED_S = 21 * DAY_S


class Certificate:
    """Says that a certificate ends within three weeks: information, from two weeks on a warning, from two days on an
    error. One finding for each certificate, named by its subject, file, host or, as probes
    of Prometheus have it, instance. Abstains on blind entities.
    """

    name = "certificate"
    version = "2"

    def __init__(self, settings: DetectSettings | None = None) -> None:
        self._settings = settings or DetectSettings()

    def detect(self, view: View, now: datetime) -> list[Finding]:
        window = view.metrics
        best: dict[str, Finding] = {}
        for column, info in enumerate(window.series):
            if info.name not in NOT_AFTER and info.name not in LEFT:
                continue
            if view.blind.hides(info.entity, info.name):
                continue
            values = window.values[:, column]
            values = values[np.isfinite(values)]
            if len(values) == 0 or (info.name in NOT_AFTER and values[-1] <= 0):
                continue
            last = float(values[-1])
            left_s = last - now.timestamp() if info.name in NOT_AFTER else last * LEFT[info.name]
            if left_s < MENTIONED_S:
                finding = self._finding(info, left_s, now)
                known = best.get(finding.fingerprint)
                if known is None or finding.score > known.score:
                    best[finding.fingerprint] = finding
        return [best[key] for key in sorted(best)]

    def _finding(self, info: SeriesInfo, left_s: float, now: datetime) -> Finding:
        named = next((info.attributes[name] for name in _NAMES if info.attributes.get(name)), "")
        which = f"certificate {named}" if named else "certificate"
        ends = moment(now.timestamp() + left_s)
        severity = next((bad for limit, bad in NOTICE if left_s <= limit), Severity.INFO)
        when = f"has expired {duration(-left_s)} ago" if left_s <= 0 else f"expires in {duration(left_s)}"
        of = f" of {bare(info.entity)}" if info.entity else ""
        return Finding(
            fingerprint=fingerprint(self.name, info.entity, "certificate", named),
            detector=self.name,
            detector_version=self.version,
            entity=info.entity,
            kind=FindingKind.THRESHOLD if left_s <= 0 else FindingKind.FORECAST,
            severity=severity,
            score=round(min(1.0, max(0.0, 1.0 - left_s / MENTIONED_S)), 6),
            score_meaning="1 minus the time that is left over three weeks",
            starts_at=min(now, moment(ends.timestamp() - MENTIONED_S)),
            sentence=f"The {which}{of} {when}, on {ends:%d %b %Y %H:%M} UTC.",
            evidence=(Evidence(info.name, dict(sorted(info.attributes.items())), "s", values={"left_s": left_s}),),
            attributes={"title": f"The {which}{of} expires", "resource": "certificate", "symptom": ""},
        )
