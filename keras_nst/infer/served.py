"""Apply a style on a server."""

import base64
import functools
import json
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from keras_nst.errors import InputError
from keras_nst.pictures.encoding import encode
from keras_nst.pictures.given import as_picture
from keras_nst.pictures.io import MAX_PIXELS, read
from keras_nst.pictures.picture import Picture

WAITS = (0.5, 1, 2, 4)
"""Seconds before each new attempt to reach a server that is down or overloaded."""

TIMEOUT = 60.0
"""Default time limit for a picture in seconds."""

_CONNECT = 5.0  # Seconds to wait for a connection.
# Maximum size of an answer in bytes, fixed and per pixel. A PNG of noise takes 3 per pixel, and base64 a third more.
_FIXED, _OF_A_PIXEL = 1_000_000, 6
_LONGEST = _FIXED + _OF_A_PIXEL * MAX_PIXELS
_SIGNATURE, _INPUT, _OUTPUT = "serving_bytes", "image_bytes", "stylized_bytes"


class ServedStyle:
    """Applies an exported style on a server with the protocol of TensorFlow Serving.

    Args:
        url: The server, `HOST:PORT`; optionally with `http://` or `https://` and, for REST, a path.
        style: Name of the style on the server.
        protocol: "rest" or "grpc".
        timeout: Seconds that a picture may take, with all attempts.

    Raises:
        InputError: The server cannot be reached, has no such style, or uses another protocol; or a package for "grpc"
            is missing.
    """

    def __init__(self, url: str, style: str, *, protocol: str = "rest", timeout: float = TIMEOUT):
        self._url, self._style, self._timeout = url, style, timeout
        self._server = {"rest": _Rest, "grpc": _Grpc}[protocol](url, style)
        if not self._retried(self._server.is_available):
            raise self._missing()

    def __call__(self, picture: Any) -> Picture:
        """Stylize a picture. Its size is limited by the server's memory.

        Args:
            picture: In any form that `keras_nst.pictures.given.as_picture` takes.

        Returns:
            A picture of the same size, with the same alpha.

        Raises:
            InputError: The picture cannot be used, or the server can no longer be reached, takes too long, or refuses
                it.
        """
        picture = as_picture(picture)
        encoded = encode(Picture(picture.rgb), "png")
        height, width = picture.rgb.shape[1:3]
        limit = _FIXED + _OF_A_PIXEL * height * width
        answer = self._retried(lambda seconds: self._server.stylize(encoded, seconds, limit))
        try:
            stylized = read(answer, max_pixels=height * width).rgb
        except InputError as error:
            raise InputError(f"The server at {self._url} did not return the picture. {error}") from error
        if stylized.shape[1:3] != (height, width):
            sizes = f"{stylized.shape[2]} x {stylized.shape[1]} pixels. Expected {width} x {height}"
            raise InputError(f"The server at {self._url} returned a picture of {sizes}.")
        return Picture(stylized, picture.alpha)

    def _retried(self, call: Callable):
        """The result of a call, which gets the seconds left. It is repeated while the server is unavailable."""
        end = time.monotonic() + self._timeout
        for wait in (*WAITS, None):
            left = end - time.monotonic()
            try:
                if left <= 0:
                    raise TimeoutError
                return _within(left, functools.partial(call, left))
            except _UnavailableError as error:
                if wait is None:
                    attempts = len(WAITS) + 1
                    raise InputError(
                        f"Cannot reach the server at {self._url}: {_line(error)} ({attempts} attempts). Check that it "
                        "runs, and check the port: by default TensorFlow Serving uses 8501 for REST and 8500 for gRPC."
                    ) from error
                time.sleep(min(wait, max(0, end - time.monotonic())))
            except TimeoutError:
                raise InputError(
                    f"The server at {self._url} gave no answer in time. Check it, or raise `timeout`."
                ) from None
            except _RefusedError as error:
                if error.missing:
                    raise self._missing() from error
                raise InputError(f"The request to the server at {self._url} failed: {_line(error)}.") from error

    def _missing(self) -> InputError:
        return InputError(f"The server at {self._url} does not serve a style {self._style!r}. Give another `style`.")


def _within(seconds: float, call: Callable):
    """The result of a call, or the error that it raises. A call that takes longer is abandoned.

    Libraries only limit the time between two bytes, and a server may send single bytes forever.

    Raises:
        TimeoutError: The call takes longer.
    """
    outcome = []

    def work() -> None:
        try:
            outcome.append((call(), None))
        except BaseException as error:
            outcome.append((None, error))

    thread = threading.Thread(target=work, daemon=True)  # A daemon, so that the process can end.
    thread.start()
    thread.join(seconds)
    if not outcome:
        raise TimeoutError
    result, error = outcome[0]
    if error is not None:
        raise error
    return result


class _UnavailableError(Exception):
    """The server is down or overloaded; another attempt may succeed."""


class _RefusedError(Exception):
    """The server refused the request, and would refuse it again.

    Attributes:
        missing: Whether the server has no such model.
    """

    def __init__(self, reason: object, *, missing: bool = False):
        super().__init__(reason)
        self.missing = missing


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300].rstrip(".")


class _Rest:
    """TensorFlow Serving's REST interface.

    Source: tensorflow.org/tfx/serving/api_rest, the predict method in row format.
    """

    def __init__(self, url: str, style: str):
        import urllib3

        base = url if "://" in url else f"http://{url}"
        self._model = f"{base.rstrip('/')}/v1/models/{quote(style, safe='')}"
        self._pool = urllib3.PoolManager(retries=False)

    def is_available(self, seconds: float) -> bool:
        states = self._request(
            "GET", self._model, lambda answer: [v["state"] for v in answer["model_version_status"]], seconds, _FIXED
        )
        return "AVAILABLE" in states

    def stylize(self, encoded: bytes, seconds: float, limit: int) -> bytes:
        instance = {_INPUT: {"b64": base64.b64encode(encoded).decode()}}
        body = {"signature_name": _SIGNATURE, "instances": [instance]}

        def picture(answer) -> bytes:
            # The answer does not name the only output of a signature.
            return base64.b64decode(answer["predictions"][0]["b64"], validate=True)

        return self._request("POST", f"{self._model}:predict", picture, seconds, limit, body)

    def _request(self, method: str, url: str, part: Callable, seconds: float, limit: int, body: dict | None = None):
        """The part of the answer that `part` selects."""
        from urllib3 import Timeout, exceptions

        try:
            response = self._pool.request(
                method,
                url,
                json=body,
                headers={"Accept-Encoding": "identity"},
                timeout=Timeout(connect=min(_CONNECT, seconds), read=seconds),
                preload_content=False,
                redirect=False,
            )
            # Not decompressed: a small answer could unpack to any size.
            content = response.read(limit + 1, decode_content=False)
            response.close()
        except (exceptions.ConnectTimeoutError, exceptions.NewConnectionError, exceptions.ProtocolError) as error:
            raise _UnavailableError(error) from error
        except exceptions.TimeoutError as error:
            raise TimeoutError from error
        except (exceptions.HTTPError, OSError) as error:
            raise _RefusedError(error) from error
        if response.status in (429, 502, 503, 504):
            raise _UnavailableError(f"HTTP status {response.status}")
        if len(content) > limit:
            raise _RefusedError(f"its answer is longer than the limit of {limit} bytes")
        try:
            answer = json.loads(content)
            if response.status == 200:
                return part(answer)
            reason = answer["error"]
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            reason = f"the answer, with HTTP status {response.status}, is not from TensorFlow Serving"
            raise _RefusedError(reason) from None
        raise _RefusedError(reason, missing=response.status == 404)


class _Grpc:
    """TensorFlow Serving's gRPC interface, from the package tensorflow-serving-api."""

    def __init__(self, url: str, style: str):
        try:
            import grpc
            from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc
        except ImportError as error:
            raise InputError(f"gRPC needs {error.name}. Install it: pip install 'keras_nst[serving]'.") from error
        scheme, _, target = url.rstrip("/").rpartition("://")
        sizes = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", _LONGEST)]
        if scheme == "https":
            channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(), sizes)
        else:
            channel = grpc.insecure_channel(target, sizes)
        self._models = model_service_pb2_grpc.ModelServiceStub(channel)
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        self._style = style

    def is_available(self, seconds: float) -> bool:
        from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest, ModelVersionStatus

        request = GetModelStatusRequest()
        request.model_spec.name = self._style
        versions = self._call(self._models.GetModelStatus, request, seconds).model_version_status
        return ModelVersionStatus.AVAILABLE in [version.state for version in versions]

    def stylize(self, encoded: bytes, seconds: float, limit: int) -> bytes:
        from tensorflow.core.framework.types_pb2 import DT_STRING
        from tensorflow_serving.apis.predict_pb2 import PredictRequest

        request = PredictRequest()
        request.model_spec.name = self._style
        request.model_spec.signature_name = _SIGNATURE
        tensor = request.inputs[_INPUT]
        tensor.dtype = DT_STRING
        tensor.tensor_shape.dim.add(size=1)
        tensor.string_val.append(encoded)
        answered = self._call(self._predictions.Predict, request, seconds).outputs[_OUTPUT].string_val
        if len(answered) != 1 or len(answered[0]) > limit:
            raise _RefusedError("its answer holds no result, or one above the limit of size")
        return answered[0]

    def _call(self, method: Callable, request, seconds: float):
        import grpc

        try:
            return method(request, timeout=seconds)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
                raise TimeoutError from error
            if error.code() == grpc.StatusCode.UNAVAILABLE:
                raise _UnavailableError(error.details()) from error
            raise _RefusedError(error.details(), missing=error.code() == grpc.StatusCode.NOT_FOUND) from error
