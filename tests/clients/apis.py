"""Which scenarios are behind which path of the scripted provider."""

import scenarios
import scenarios_anthropic
import scenarios_responses
from scenarios import Answer, Request, document, play, recordings

#: The scenarios of a path, by the name of the model.
APIS = {
    "/v1/chat/completions": scenarios.SCENARIOS,
    "/v1/responses": scenarios_responses.SCENARIOS,
    "/v1/messages": scenarios_anthropic.SCENARIOS,
    "/v1/messages/count_tokens": {"text": lambda _: document({"input_tokens": 7})},
}


def answer_to(request: Request) -> Answer:
    model = request.json.get("model", "")
    found = APIS.get(request.path)
    if found is None or request.method != "POST":
        return document({"error": {"message": f"no {request.method} {request.path}"}}, 404)
    if model in found:
        return found[model](request)
    if request.path == "/v1/chat/completions" and model in (heads := recordings()):
        return play(heads[model])
    return document({"error": {"message": f"no scenario {model!r}"}}, 418)
