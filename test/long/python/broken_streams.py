"""Reads one stream for each model named in the file given, with OpenAI's official client for Python; prints what it saw as JSON."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import openai

client = openai.OpenAI(
    base_url=sys.argv[1] + "/v1",
    api_key="sk-client-side-key-0000",
    max_retries=0,
    http_client=openai.DefaultHttpxClient(trust_env=False),
)


def read(model):
    seen = {"model": model, "content": "", "finish_reasons": [], "error": None}
    try:
        messages = [{"role": "user", "content": "one two three four five"}]
        for chunk in client.chat.completions.create(model=model, messages=messages, stream=True):
            for choice in chunk.choices:
                seen["content"] += choice.delta.content or ""
                if choice.finish_reason:
                    seen["finish_reasons"].append(choice.finish_reason)
    except openai.APIError as error:
        seen["error"] = {"class": type(error).__name__, "code": error.code}
    return seen


with open(sys.argv[2]) as file:
    models = json.load(file)
with ThreadPoolExecutor(8) as readers:
    print(json.dumps({"version": openai.__version__, "streams": list(readers.map(read, models))}))
