"""The requirements of the phase "generalised", in the order in which they are judged."""

from __future__ import annotations

from hvprep.facts.gather import Facts
from hvprep.model.finding import Step
from hvprep.settings import Settings
from hvprep.steps.generalised.authorized_keys import NO_AUTHORIZED_KEYS
from hvprep.steps.generalised.home_secrets import HOME_SECRETS
from hvprep.steps.generalised.host_keys import HOST_KEYS
from hvprep.steps.generalised.leftovers import AGENT_STATE, DHCP_LEASES, LOGS, MACHINE_SECRETS
from hvprep.steps.generalised.machine_id import MACHINE_ID
from hvprep.steps.generalised.password_hashes import NO_PASSWORD_HASHES
from hvprep.steps.generalised.resolv_conf import RESOLV_CONF
from hvprep.steps.generalised.shell_history import SHELL_HISTORY
from hvprep.steps.generalised.users_left import USERS_LEFT

GENERALISED: tuple[Step[Facts, Settings], ...] = (
    HOST_KEYS,
    MACHINE_ID,
    NO_PASSWORD_HASHES,
    NO_AUTHORIZED_KEYS,
    SHELL_HISTORY,
    DHCP_LEASES,
    AGENT_STATE,
    USERS_LEFT,
    HOME_SECRETS,
    MACHINE_SECRETS,
    LOGS,
    RESOLV_CONF,
)
