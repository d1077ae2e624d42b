"""Whether a model hub can be asked, found out in seconds."""

_PROBE_SECONDS = 4.0


def hub_problem() -> str:
    """Why Hugging Face's hub cannot be asked; empty when it can. Its own client tries for half a minute."""
    from huggingface_hub import constants, get_session

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    try:
        status = get_session().head(constants.ENDPOINT, timeout=_PROBE_SECONDS).status_code
    except Exception as error:  # those of httpx or httpx2, whichever the hub's client is built on
        return f"{constants.ENDPOINT} cannot be reached: {str(error) or type(error).__name__}"
    return f"{constants.ENDPOINT} answers {status}" if status >= 500 else ""
