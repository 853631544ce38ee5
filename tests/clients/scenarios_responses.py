"""What the scripted provider answers at /v1/responses: one scenario for each model name."""
from scenarios import Answer, Request
SCENARIOS = {}
