"""Apply a style that is served by a server."""

import base64
import json
import time
from collections.abc import Callable
from urllib.parse import quote

from keras_nst.errors import InputError
from keras_nst.images.encoding import encode
from keras_nst.images.io import read
from keras_nst.images.picture import Picture

WAITS = (0.5, 1, 2, 4)
"""Seconds before each new attempt to reach a server that is down or overloaded."""

TIMEOUT = 60.0
"""Default time limit for a picture in seconds."""

_CONNECT = 5.0  # Time limit for a connection in seconds.
_SIGNATURE, _INPUT, _OUTPUT = "serving_bytes", "image_bytes", "stylized_bytes"


class ServedStyle:
    """Applies an exported style on a server with the protocol of TensorFlow Serving.

    Args:
        url: The server, `HOST:PORT`; optionally with `http://` or `https://` and, for REST, a path.
        style: Name of the style on the server.
        protocol: "rest" or "grpc".
        timeout: Time limit for a picture in seconds.

    Raises:
        InputError: The server cannot be reached, has no such style, or uses another protocol; or a package for "grpc"
            is missing.
    """

    def __init__(self, url: str, style: str, *, protocol: str = "rest", timeout: float = TIMEOUT):
        self._url, self._style = url, style
        self._server = {"rest": _Rest, "grpc": _Grpc}[protocol](url, style, timeout)
        if not self._retried(self._server.is_available):
            raise self._missing()

    def __call__(self, picture: Picture) -> Picture:
        """Stylize a picture. Its size is limited by the server's memory.

        Returns:
            A picture of the same size, with the same alpha.

        Raises:
            InputError: The server cannot be reached any more, takes too long, or refuses the picture.
        """
        encoded = encode(Picture(picture.rgb), "png")
        return Picture(read(self._retried(lambda: self._server.stylize(encoded))).rgb, picture.alpha)

    def _retried(self, call: Callable):
        """Return the result of a call, retried while the server is unavailable."""
        for wait in (*WAITS, None):
            try:
                return call()
            except _UnavailableError as error:
                if wait is None:
                    attempts = len(WAITS) + 1
                    raise InputError(
                        f"Cannot reach the server at {self._url}: {_line(error)} ({attempts} attempts). Check that it "
                        "runs, and check the port: by default TensorFlow Serving uses 8501 for REST and 8500 for gRPC."
                    ) from error
                time.sleep(wait)
            except TimeoutError:
                raise InputError(
                    f"The server at {self._url} gave no answer in time. Check it, or raise --timeout."
                ) from None
            except _RefusedError as error:
                if error.missing:
                    raise self._missing() from error
                raise InputError(f"Asking the server at {self._url} failed: {_line(error)}.") from error

    def _missing(self) -> InputError:
        return InputError(f"The server at {self._url} does not serve a style {self._style!r}. Give another --style.")


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

    def __init__(self, url: str, style: str, timeout: float):
        import urllib3

        base = url if "://" in url else f"http://{url}"
        self._model = f"{base.rstrip('/')}/v1/models/{quote(style, safe='')}"
        limits = urllib3.Timeout(connect=min(_CONNECT, timeout), read=timeout)
        self._pool = urllib3.PoolManager(timeout=limits, retries=False)

    def is_available(self) -> bool:
        states = self._request("GET", self._model, lambda answer: [v["state"] for v in answer["model_version_status"]])
        return "AVAILABLE" in states

    def stylize(self, encoded: bytes) -> bytes:
        instance = {_INPUT: {"b64": base64.b64encode(encoded).decode()}}
        body = {"signature_name": _SIGNATURE, "instances": [instance]}
        # The output has no name, since it is the only one of the signature.
        result = self._request("POST", f"{self._model}:predict", lambda answer: answer["predictions"][0]["b64"], body)
        return base64.b64decode(result)

    def _request(self, method: str, url: str, part: Callable, body: dict | None = None):
        """Send a request and return the `part` of its answer."""
        from urllib3 import exceptions

        try:
            response = self._pool.request(method, url, json=body)
        except (exceptions.ConnectTimeoutError, exceptions.NewConnectionError, exceptions.ProtocolError) as error:
            raise _UnavailableError(error) from error
        except exceptions.TimeoutError as error:
            raise TimeoutError from error
        except exceptions.HTTPError as error:
            raise _RefusedError(error) from error
        if response.status in (429, 502, 503, 504):
            raise _UnavailableError(f"HTTP status {response.status}")
        try:
            answer = json.loads(response.data)
            if response.status == 200:
                return part(answer)
            reason = answer["error"]
        except (ValueError, LookupError, TypeError):
            reason = f"the answer, with HTTP status {response.status}, is not from TensorFlow Serving"
            raise _RefusedError(reason) from None
        raise _RefusedError(reason, missing=response.status == 404)


class _Grpc:
    """TensorFlow Serving's gRPC interface, from the package tensorflow-serving-api."""

    def __init__(self, url: str, style: str, timeout: float):
        try:
            import grpc
            from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc
        except ImportError as error:
            raise InputError(f"gRPC needs {error.name}. Install it: pip install 'keras_nst[serving]'.") from error
        scheme, _, target = url.rstrip("/").rpartition("://")
        unlimited = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
        if scheme == "https":
            channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(), unlimited)
        else:
            channel = grpc.insecure_channel(target, unlimited)
        self._models = model_service_pb2_grpc.ModelServiceStub(channel)
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        self._style, self._timeout = style, timeout

    def is_available(self) -> bool:
        from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest, ModelVersionStatus

        request = GetModelStatusRequest()
        request.model_spec.name = self._style
        versions = self._call(self._models.GetModelStatus, request).model_version_status
        return ModelVersionStatus.AVAILABLE in [version.state for version in versions]

    def stylize(self, encoded: bytes) -> bytes:
        from tensorflow.core.framework.types_pb2 import DT_STRING
        from tensorflow_serving.apis.predict_pb2 import PredictRequest

        request = PredictRequest()
        request.model_spec.name = self._style
        request.model_spec.signature_name = _SIGNATURE
        tensor = request.inputs[_INPUT]
        tensor.dtype = DT_STRING
        tensor.tensor_shape.dim.add(size=1)
        tensor.string_val.append(encoded)
        return self._call(self._predictions.Predict, request).outputs[_OUTPUT].string_val[0]

    def _call(self, method: Callable, request):
        import grpc

        try:
            return method(request, timeout=self._timeout)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
                raise TimeoutError from error
            if error.code() == grpc.StatusCode.UNAVAILABLE:
                raise _UnavailableError(error.details()) from error
            raise _RefusedError(error.details(), missing=error.code() == grpc.StatusCode.NOT_FOUND) from error
