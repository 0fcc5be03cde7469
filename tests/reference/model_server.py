"""A stand-in for TensorFlow Serving over real sockets: one SavedModel, by REST and by gRPC.

It answers the requests that api_rest.md and the protocol buffers of tensorflow-serving-api describe, and no others. It
tests the client and the signatures, not that TensorFlow Serving itself loads the model.
"""

import base64
import contextlib
import json
import threading
from collections.abc import Iterator
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import tensorflow as tf


@contextlib.contextmanager
def rest(path, name: str, failures: list | None = None) -> Iterator[str]:
    """A REST server; yields HOST:PORT.

    Args:
        path: The SavedModel.
        name: The model's name.
        failures: For the next requests: an HTTP status, an `Event` to wait for, or None to hang up without an answer.
            They are removed from the front until the list is empty.
    """
    signatures = tf.saved_model.load(path).signatures
    failures = [] if failures is None else failures

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

        def do_GET(self):
            if self.answered_by_failure():
                return
            if self.path == f"/v1/models/{name}":
                status = {"error_code": "OK", "error_message": ""}
                self.answer(200, {"model_version_status": [{"version": "1", "state": "AVAILABLE", "status": status}]})
            else:
                self.answer(404, {"error": f"Could not find any versions of model {self.path.rpartition('/')[2]}"})

        def do_POST(self):
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.answered_by_failure():
                return
            if self.path != f"/v1/models/{name}:predict":
                self.answer(404, {"error": "Servable not found for request"})
                return
            try:
                self.answer(200, {"predictions": predictions(signatures, request)})
            except tf.errors.OpError as error:
                self.answer(400, {"error": error.message})

        def answered_by_failure(self):
            if not failures:
                return False
            failure = failures.pop(0)
            if isinstance(failure, threading.Event):
                failure.wait(20)
            elif failure is not None:
                self.answer(failure, {"error": "failing as told"})
            self.close_connection = True
            return True

        def answer(self, status, content):
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def predictions(signatures, request: dict) -> list:
    """Predict in row format: one entry for each instance, a single output without its name, and bytes as base64."""
    signature = signatures[request["signature_name"]]
    ((name, specification),) = signature.structured_input_signature[1].items()
    assert specification.dtype == tf.string
    encoded = [base64.b64decode(instance[name]["b64"]) for instance in request["instances"]]
    ((name, results),) = signature(**{name: tf.constant(encoded)}).items()
    assert name.endswith("_bytes")  # Otherwise TensorFlow Serving would send them as text.
    return [{"b64": base64.b64encode(result).decode()} for result in results.numpy()]


@contextlib.contextmanager
def grpc(path, name: str, failures: list | None = None) -> Iterator[str]:
    """A gRPC server; yields HOST:PORT.

    Args:
        path: The SavedModel.
        name: The model's name.
        failures: For the next requests: the name of a status code, or an `Event` to wait for. They are removed from the
            front.
    """
    import grpc
    from tensorflow_serving.apis import (
        get_model_status_pb2,
        model_service_pb2_grpc,
        predict_pb2,
        prediction_service_pb2_grpc,
    )

    signatures = tf.saved_model.load(path).signatures
    failures = [] if failures is None else failures

    def check(request, context):
        if failures:
            failure = failures.pop(0)
            if isinstance(failure, threading.Event):
                failure.wait(20)
            else:
                context.abort(getattr(grpc.StatusCode, failure), "failing as told")
        if request.model_spec.name != name:
            context.abort(
                grpc.StatusCode.NOT_FOUND, f"Servable not found for request: Latest({request.model_spec.name})"
            )

    class Models(model_service_pb2_grpc.ModelServiceServicer):
        def GetModelStatus(self, request, context):  # noqa: N802
            check(request, context)
            response = get_model_status_pb2.GetModelStatusResponse()
            response.model_version_status.add(version=1, state=get_model_status_pb2.ModelVersionStatus.AVAILABLE)
            return response

    class Predictions(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):  # noqa: N802
            check(request, context)
            signature = signatures[request.model_spec.signature_name or "serving_default"]
            inputs = {key: tf.constant(tf.make_ndarray(tensor)) for key, tensor in request.inputs.items()}
            try:
                outputs = signature(**inputs)
            except tf.errors.OpError as error:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, error.message)
            response = predict_pb2.PredictResponse()
            for key, output in outputs.items():
                response.outputs[key].CopyFrom(tf.make_tensor_proto(output.numpy()))
            return response

    unlimited = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
    server = grpc.server(futures.ThreadPoolExecutor(4), options=unlimited)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(Models(), server)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Predictions(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
