"""Which credentials of Brevo go together."""

from loyalty_mcp.errors import BadSetting
from loyalty_mcp.settings import BREVO_VARIABLES, Settings, variable_of


def check_credentials(settings: Settings) -> None:
    """Refuse incomplete client credentials, and credentials of both kinds.

    Raises:
        BadSetting: names the setting that is missing or redundant.
    """
    names = {field: variable_of(field) for field in BREVO_VARIABLES}
    has_id, has_secret = settings.client_id is not None, settings.client_secret is not None
    if has_id != has_secret:
        given, missing = ("client_id", "client_secret")[:: 1 if has_id else -1]
        raise BadSetting(f"{names[given]} is set, and {names[missing]} is not; give both.")
    if has_id and settings.api_key is not None:
        raise BadSetting(f"{names['api_key']} and {names['client_id']} are both set; give one.")
