"""The connection to Label Studio: requests with its key, pages of tasks, its version and clock, errors with advice."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from loop.errors import LegacyTokenRefused, Refused, UpstreamError
from loop.http_addresses import path_within
from loop.label_studio.tasks import StoredTask, stored_tasks
from loop.label_studio.views import Condition, write_conditions
from loop.once import Once
from loop.secrecy import add_secret
from loop.storage.queries import chunked

Json = dict[str, Any]
SELECTED = 100  # tasks named in one address
ONCE = {"max_retries": 0}  # a write is not repeated by itself: the caller can find out whether it was done
KEY_PATH = "api/current-user/whoami"  # needs a key; the list of projects counts the tasks of each
LEGACY_TOKENS_OFF = "legacy token authentication has been disabled"  # in Label Studio's answer
PRIVATE_ADDRESS = "reserved network address"  # in Label Studio's answer, if its guards refuse an address
GUARDS = "set ML_BLOCK_LOCAL_IP=false and SSRF_PROTECTION_ENABLED=false in Label Studio's environment"
ADVICE = {  # by the status of an answer
    401: "; set LABEL_STUDIO_API_KEY to a key of this Label Studio",
    403: "; the user of LABEL_STUDIO_API_KEY may not do that there",
    404: "; it is not there, or not for the user of LABEL_STUDIO_API_KEY, or LABEL_STUDIO_URL is another server",
    413: "; it is larger than its server, or a proxy before it, takes",
    502: "; a proxy before it has no answer from it: try again when it runs",
    503: "; it is busy or starting: try again",
}


@dataclass(frozen=True, slots=True)
class Token:
    """The kind of a key for Label Studio, as far as the key itself tells; the key is left out."""

    kind: str
    is_usable: bool
    expires_at: datetime | None = None


class Connection:
    """
    Requests to one Label Studio. Raises UpstreamError, and Refused if Label Studio answers with an error status.

    The transport is that of the SDK: it tells a legacy token from a personal access token, refreshes the latter, and
    retries reads. The SDK's typed layer is not used: it describes the Enterprise edition and parses every field.
    """

    def __init__(self, url: str, api_key: str, *, timeout: float = 30.0) -> None:
        self.url = url.rstrip("/")
        self._api_key, self._timeout = api_key, timeout
        self._wrapper = Once(self._make_wrapper)

    def close(self) -> None:
        """Close the connections."""
        if wrapper := self._wrapper.made:
            wrapper.httpx_client.httpx_client.close()

    def answers(self) -> bool:
        """Whether Label Studio answers and accepts our key."""
        try:
            self._ask("GET", KEY_PATH, request_options={**ONCE, "timeout_in_seconds": 3})
        except UpstreamError:
            return False
        return True

    def token(self) -> Token:
        """Return the kind of our key, without the key itself."""
        return read_token(self._api_key, datetime.now(UTC))

    def check_key(self) -> None:
        """Ask for something that needs the key, once. Raises UpstreamError, with the status if there was an answer."""
        self._ask("GET", KEY_PATH, request_options=ONCE)

    def version(self) -> str:
        """Return the version of Label Studio, `unknown` if it does not tell; asked once."""
        answer = self._ask("GET", "api/version", request_options=ONCE)
        return str((answer.get("label-studio-os-package") or {}).get("version") or answer.get("release") or "unknown")

    def ensure_user(self, email: str, first_name: str) -> int:
        """Return the id of the user with an address, who is made if there is none. Raises Refused where we may not."""
        users: Any = self._ask("GET", "api/users/", request_options=ONCE)
        known = next((user for user in users if user.get("email") == email), None)
        fields = {"email": email, "username": email, "first_name": first_name}
        return int((known or self._ask("POST", "api/users/", json=fields, request_options=ONCE))["id"])

    def serves_local_files(self) -> bool:
        """Whether it serves files of its machine: asked for a missing file, it names the setting if it does not."""
        try:
            self._ask("GET", "data/local-files/", params={"d": "loop-doctor/none"}, request_options=ONCE)
        except UpstreamError as error:
            return "LOCAL_FILES_SERVING_ENABLED" not in str(error)
        return True

    def now(self) -> datetime:
        """Return the time of Label Studio's clock, to the second."""
        return parsedate_to_datetime(self._answer("GET", "api/version").headers["Date"])

    def authorization(self) -> str:
        """Return the current Authorization header; a personal access token is refreshed if needed."""
        header = str(self._wrapper.get().get_headers()["Authorization"])
        add_secret(header.rpartition(" ")[2])
        return header

    def own_path(self, address: str) -> str | None:
        """Return the path of an address below that of this Label Studio; None for any other address."""
        return path_within(address, self.url)

    def _make_wrapper(self) -> Any:
        if not self._api_key:
            raise UpstreamError(f"no key for Label Studio at {self.url}: set LABEL_STUDIO_API_KEY")
        # The public class adds typed calls that we do not use, and takes a second to import.
        from label_studio_sdk.base_client import LabelStudioBase as Sdk
        from label_studio_sdk.core.api_error import ApiError

        try:
            return Sdk(base_url=self.url, api_key=self._api_key, timeout=self._timeout)._client_wrapper
        except ApiError as error:
            text = f"Label Studio at {self.url} refuses this key: {_detail(error.body)}"
            raise UpstreamError(f"{text}; set LABEL_STUDIO_API_KEY to a new one", error.status_code) from error
        except (ValueError, OverflowError) as error:
            raise UpstreamError("LABEL_STUDIO_API_KEY is no token of Label Studio: copy it again") from error

    def _pages(
        self,
        project_id: int,
        conditions: Sequence[Condition],
        page_size: int,
        options: Mapping[str, Any],
        query: Mapping[str, Any] | None = None,
    ) -> Iterator[list[StoredTask]]:
        """
        Yield pages of tasks, by the last id: page numbers would shift if tasks change meanwhile.

        A page may be shorter than asked for: the setting TASK_API_PAGE_SIZE_MAX of a Label Studio cuts it.
        """
        params, last_id = {"project": project_id, "page_size": page_size, **options}, 0
        while True:
            filters = write_conditions([*conditions, Condition("id", "greater", "Number", last_id)])
            wanted = json.dumps({**(query or {}), "ordering": ["tasks:id"], "filters": filters})
            answer = self._ask("GET", "api/tasks/", params={**params, "query": wanted})
            page, tasks = answer.get("tasks"), stored_tasks(answer.get("tasks"))
            newest = max((task.id for task in tasks), default=0)
            if not isinstance(page, list) or (newest <= last_id if page else answer.get("total")):
                raise UpstreamError(f"{self.url} answered api/tasks/ with something else than the tasks asked for")
            yield tasks
            if not page or len(page) >= answer.get("total", len(page) + (len(page) == page_size)):
                return
            last_id = newest

    def _named(
        self, project_id: int, task_ids: Sequence[int], options: Mapping[str, Any], query: Mapping[str, Any]
    ) -> dict[int, StoredTask]:
        tasks, params = dict[int, StoredTask](), {"project": project_id, "page_size": SELECTED, **options}
        for some_ids in chunked(task_ids, SELECTED):
            left = some_ids
            while left:  # a page may be shorter than asked for, see `_pages`
                selected = {"selectedItems": {"all": False, "included": left}, "ordering": ["tasks:id"]}
                answer = self._ask("GET", "api/tasks/", params={**params, "query": json.dumps({**query, **selected})})
                page = {task.id: task for task in stored_tasks(answer.get("tasks"))}
                tasks |= page
                rest = [task_id for task_id in left if task_id not in page]
                is_cut = len(page) < answer.get("total", 0) and len(rest) < len(left)
                left = rest if is_cut else []
        return tasks

    def _ask(self, method: str, path: str, **request: Any) -> Json:
        answer = self._answer(method, path, **request)
        try:
            return answer.json() if answer.content else {}
        except (ValueError, RecursionError) as error:
            text = f"{self.url} answered {method} {path} with something that is not JSON"
            raise UpstreamError(f"{text}: is LABEL_STUDIO_URL the address of Label Studio, without a page?") from error

    def _delete(self, path: str, **request: Any) -> bool:
        """Delete what is at a path; return whether it was there."""
        try:
            self._ask("DELETE", path, **request)
        except Refused as error:
            if error.status != 404:
                raise
            return False
        return True

    def _answer(self, method: str, path: str, **request: Any) -> Any:
        import httpx
        from label_studio_sdk.core.api_error import ApiError

        try:
            answer = self._wrapper.get().httpx_client.request(path, method=method, **request)
        except ApiError as error:
            text = f"Label Studio at {self.url} refuses the key: {_detail(error.body)}"
            raise UpstreamError(text, error.status_code) from error
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            text = f"Label Studio at {self.url} did not answer {method} {path}: {error or type(error).__name__}"
            raise UpstreamError(f"{text}; does it run, and is LABEL_STUDIO_URL right?") from error
        if answer.is_error:
            text = f"Label Studio answered {method} {path} with {answer.status_code}: {_detail(answer.text)}"
            is_legacy = answer.status_code == 401 and LEGACY_TOKENS_OFF in answer.text
            refusal = LegacyTokenRefused if is_legacy else Refused
            advice = f"; {GUARDS}" if PRIVATE_ADDRESS in answer.text else ADVICE.get(answer.status_code, "")
            raise refusal(text + advice, answer.status_code)
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
        body = body.get("validation_errors") or body.get("detail") or body
    return str(body)[:300].removesuffix(".")


def read_token(key: str, now: datetime) -> Token:
    """
    Return the kind of a key.

    A personal access token is a JWT of the type `refresh`. It is exchanged for `access` tokens, which live five minutes
    and are useless as a setting. Any other key counts as a legacy token. Label Studio itself checks the signature.
    """
    if not key:
        return Token("no key", is_usable=False)
    import jwt

    try:
        claims = jwt.decode(key, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return Token("legacy token", is_usable=True)
    expires_at = _read_time(claims.get("exp"))
    if claims.get("token_type") == "access":
        return Token("access token, which lives for minutes", is_usable=False, expires_at=expires_at)
    return Token("personal access token", is_usable=expires_at is None or expires_at > now, expires_at=expires_at)


def _read_time(seconds: object) -> datetime | None:
    """Return a time from its seconds since the epoch; None if they are missing or no time of a calendar."""
    try:
        return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int | float) else None
    except (ValueError, OverflowError, OSError):
        return None
