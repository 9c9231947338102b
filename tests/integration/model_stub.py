"""A language model for tests: an OpenAI-compatible endpoint on loopback that says what it was told to."""
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def says(text, sent=10, made=5):
    return 200, {"choices": [{"message": {"role": "assistant", "content": text}}],
                 "usage": {"prompt_tokens": sent, "completion_tokens": made}}


def calls(*tools, sent=10, made=5):
    """tools: (name, arguments)."""
    made_calls = [{"id": "call-%d" % i, "type": "function", "function": {"name": name, "arguments": json.dumps(given)}}
                  for i, (name, given) in enumerate(tools)]
    return 200, {"choices": [{"message": {"role": "assistant", "content": None, "tool_calls": made_calls}}],
                 "usage": {"prompt_tokens": sent, "completion_tokens": made}}


def fails(status, text="no"):
    return status, {"error": {"message": text}}


class ModelStub:
    """Answers the requests with `replies`, in turn; `requests` has what was asked: (headers, body)."""

    def __init__(self, *replies):
        self.replies, self.requests = list(replies), []
        lock, stub = threading.Lock(), self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    stub.requests.append((dict(self.headers), body))
                    known = self.path == "/v1/chat/completions" and stub.replies
                    status, reply = stub.replies.pop(0) if known else fails(404, "nothing is left to say")
                text = json.dumps(reply).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d/v1" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
