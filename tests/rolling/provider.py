"""A provider whose streams wait until they are told to go on."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

#: What every stream says, an event a word.
WORDS = ["none", " cut,", " none", " hung"]


class Provider:
    """Knows which Herald asked for which stream, by the header `x-replica` of its settings."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        #: Streams that have said their first word, by replica.
        self.begun: dict[str, int] = {}
        self.released: set[str] = set()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                self.event(chunk(WORDS[0]))
                if request["model"] == "long":
                    provider.wait_for_release(self.headers["x-replica"])
                for word in WORDS[1:]:
                    self.event(chunk(word))
                self.event(chunk(None))
                self.event("[DONE]")
                self.wfile.write(b"0\r\n\r\n")

            def event(self, data: str) -> None:
                event = f"data: {data}\n\n".encode()
                self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

        self.server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def base_url(self) -> str:
        return "http://127.0.0.1:{}/v1".format(self.server.server_address[1])

    def wait_for_release(self, replica: str) -> None:
        with self.changed:
            self.begun[replica] = self.begun.get(replica, 0) + 1
            self.changed.notify_all()
            self.changed.wait_for(lambda: replica in self.released)

    def release(self, replica: str) -> None:
        """Lets the streams of this Herald go on."""
        with self.changed:
            self.released.add(replica)
            self.changed.notify_all()


def chunk(word: str | None) -> str:
    choice = {"index": 0, "delta": {"content": word} if word else {}, "finish_reason": None}
    if word is None:
        choice["finish_reason"] = "stop"
    return json.dumps({"id": "c", "object": "chat.completion.chunk", "choices": [choice]})
