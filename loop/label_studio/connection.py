"""The connection to Label Studio: requests with its key, and errors that say what to do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from loop.errors import Refused, UpstreamError
from loop.secrecy import add_secret

Json = dict[str, Any]
ADVICE = {  # by the status of an answer
    401: "; set LABEL_STUDIO_API_KEY to a key of this Label Studio",
    403: "; the user of LABEL_STUDIO_API_KEY may not do that there",
    404: "; it is not there, or not for the user of LABEL_STUDIO_API_KEY, or LABEL_STUDIO_URL is another server",
    413: "; it is larger than its server, or a proxy before it, takes",
    502: "; a proxy before it has no answer from it: try again when it runs",
    503: "; it is busy or starting: try again",
}


class Connection:
    """
    Requests to one Label Studio. Raises UpstreamError, and Refused if Label Studio answers with an error status.

    The transport is that of the SDK: it tells a legacy token from a personal access token, refreshes the latter, and
    retries reads. The SDK's typed layer is not used: it describes the Enterprise edition and parses every field.
    """

    def __init__(self, url: str, api_key: str, *, timeout: float = 30.0) -> None:
        self.url = url.rstrip("/")
        self._api_key, self._timeout = api_key, timeout

    @cached_property
    def _wrapper(self) -> Any:
        from label_studio_sdk import LabelStudio as Sdk
        from label_studio_sdk.core.api_error import ApiError

        if not self._api_key:
            raise UpstreamError(f"no key for Label Studio at {self.url}: set LABEL_STUDIO_API_KEY")
        try:
            return Sdk(base_url=self.url, api_key=self._api_key, timeout=self._timeout)._client_wrapper
        except ApiError as error:
            text = f"Label Studio at {self.url} cannot be asked with this key: {_detail(error.body)}"
            raise UpstreamError(f"{text}; set LABEL_STUDIO_API_KEY to a new one") from error
        except (ValueError, OverflowError) as error:
            raise UpstreamError("LABEL_STUDIO_API_KEY is no key of Label Studio: copy it again") from error

    def close(self) -> None:
        """Close the connections."""
        if "_wrapper" in self.__dict__:
            self._wrapper.httpx_client.httpx_client.close()

    def authorization(self) -> str:
        """Return the current Authorization header; a personal access token is refreshed if needed."""
        header = str(self._wrapper.get_headers()["Authorization"])
        add_secret(header.rpartition(" ")[2])
        return header

    def is_own(self, address: str) -> bool:
        """Whether an absolute address is served by this Label Studio."""
        ours, theirs = urlsplit(self.url), urlsplit(address)
        return (ours.scheme, ours.netloc) == (theirs.scheme, theirs.netloc)

    def _ask(self, method: str, path: str, **request: Any) -> Json:
        answer = self._answer(method, path, **request)
        try:
            return answer.json() if answer.content else {}
        except (ValueError, RecursionError) as error:
            text = f"{self.url} answered {method} {path} with something that is not JSON"
            raise UpstreamError(f"{text}: is LABEL_STUDIO_URL the address of Label Studio, without a page?") from error

    def _answer(self, method: str, path: str, **request: Any) -> Any:
        import httpx
        from label_studio_sdk.core.api_error import ApiError

        try:
            answer = self._wrapper.httpx_client.request(path, method=method, **request)
        except ApiError as error:
            raise UpstreamError(f"Label Studio at {self.url} refuses the key: {_detail(error.body)}") from error
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            text = f"Label Studio at {self.url} did not answer {method} {path}: {error or type(error).__name__}"
            raise UpstreamError(f"{text}; does it run, and is LABEL_STUDIO_URL right?") from error
        if answer.is_error:
            text = f"Label Studio answered {method} {path} with {answer.status_code}: {_detail(answer.text)}"
            raise Refused(text + ADVICE.get(answer.status_code, ""), answer.status_code)
        return answer


def _detail(body: object) -> str:
    """Return the message of an error body, without the stack trace that Label Studio adds."""
    if isinstance(body, str):
        text = body
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            return "a page of HTML" if text.lstrip().startswith("<") else text[:300]
    if isinstance(body, Mapping):
        return str(body.get("validation_errors") or body.get("detail") or body)[:300]
    return str(body)[:300]
