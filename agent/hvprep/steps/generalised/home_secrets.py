"""home-secrets: no private key, password or token of the person who made the image."""

from __future__ import annotations

from collections.abc import Iterator

from hvprep.facts.gather import Facts
from hvprep.facts.homes import Home, literal
from hvprep.model.finding import Note, Outcome, Phase, Severity, Step, Verdict
from hvprep.model.node import GuestPath, Kind
from hvprep.model.view import View
from hvprep.settings import Settings
from hvprep.steps.generalised.homes import look_into_homes

_IN_HOMES = (
    ".ssh/known_hosts*",
    ".ssh/id_*",
    ".gnupg/private-keys-v1.d/*.key",
    ".gnupg/secring.gpg",
    ".netrc",
    ".pgpass",
    ".my.cnf",
    ".git-credentials",
    ".aws/credentials",
    ".azure/msal_token_cache*",
    ".azure/accessTokens.json",
    ".config/gcloud/*credentials*",
    ".docker/config.json",
    ".config/containers/auth.json",
    ".kube/config",
    ".pypirc",
    ".npmrc",
)
#: The answers that installers were given, passwords among them: Anaconda, AutoYaST, Debian's, subiquity.
_ANSWERS = (
    "/root/anaconda-ks.cfg",
    "/root/original-ks.cfg",
    "/root/initial-setup-ks.cfg",
    "/root/autoinst.xml",
    "/var/adm/autoinstall/cache/*",
    "/var/cache/debconf/passwords.dat",
    "/var/log/installer/autoinstall-user-data",
)


def _plan(view: View, facts: Facts, settings: Settings) -> Iterator[Outcome]:
    yield from look_into_homes(view, _look)
    for pattern in _ANSWERS:
        yield from _judge(view, view.glob(pattern))


def _look(view: View, home: Home) -> Iterator[Outcome]:
    for name in _IN_HOMES:
        paths = view.glob(f"{literal(home.path)}/{name}")
        yield from _judge(view, tuple(path for path in paths if path.suffix != ".pub"))


def _judge(view: View, paths: tuple[GuestPath, ...]) -> Iterator[Outcome]:
    for path in paths:
        node = view.node(view.resolve(path))
        if node is not None and node.kind is Kind.FILE and node.size > 0:
            yield Note(Verdict.UNMET, f"{path} is left")


HOME_SECRETS: Step[Facts, Settings] = Step(
    id="home-secrets",
    title="no key, password or token of a person is left",
    severity=Severity.RECOMMENDED,
    phase=Phase.GENERALISED,
    source="Marketplace certification (no secrets in the image)",
    remedy="remove these files, where they are not meant to be on every machine",
    plan=_plan,
    rows=("H09",),
)
