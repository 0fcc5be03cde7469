"""A client that sends what a browser sends to a Gradio page. It checks nothing, so that it can send anything."""

import json
import secrets

import urllib3


class Page:
    """An open page.

    Args:
        url: The page's address.
    """

    def __init__(self, url):
        self.url, self.session = url, secrets.token_hex(6)
        self._pool = urllib3.PoolManager(retries=False, timeout=120)
        config = self._pool.request("GET", f"{url}/config").json()
        self.events = {event["api_name"]: event["id"] for event in config["dependencies"]}

    def get(self, path):
        """Status and body of a path under the page."""
        answer = self._pool.request("GET", f"{self.url}{path}")
        return answer.status, answer.data

    def upload(self, content, name="picture.png", headers=None):
        """The path of an uploaded file on the server, or the server's answer if it refuses."""
        fields = {"files": (name, content)}
        answer = self._pool.request("POST", f"{self.url}/gradio_api/upload", fields=fields, headers=headers)
        return answer.json()[0] if answer.status == 200 else answer

    def call(self, event, *data, **event_data):
        """The answer of an event: {"data": [...]} or {"error": ...}."""
        body = {"data": data, "fn_index": self.events[event], "session_hash": self.session}
        body["event_data"] = event_data or None
        joined = self._pool.request("POST", f"{self.url}/gradio_api/queue/join", json=body)
        if joined.status != 200:
            return {"error": joined.json().get("detail")}
        stream = self._pool.request(
            "GET", f"{self.url}/gradio_api/queue/data?session_hash={self.session}", preload_content=False
        )
        for line in stream:
            message = json.loads(line.removeprefix(b"data: ")) if line.startswith(b"data: ") else {}
            if message.get("msg") == "process_completed":
                stream.close()
                return message["output"]
        raise ConnectionError("The server ended the stream.")


def picture(path, **fields):
    """An uploaded file as the value of a component."""
    return {"path": path, "meta": {"_type": "gradio.FileData"}, **fields}
