"""What OpenAI's official client for Python does through the gateway; prints one JSON object with everything that it saw."""

import json
import sys
import time

import openai

QUESTION = "one two three four five"
MESSAGES = [{"role": "user", "content": QUESTION}]
INSTRUCT = "gpt-3.5-turbo-instruct"
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 3}},
            "required": ["city", "days"],
        },
    },
}

sent = 0


def count(_request):
    global sent
    sent += 1


client = openai.OpenAI(
    base_url=sys.argv[1] + "/v1",
    api_key="sk-client-side-key-0000",
    http_client=openai.DefaultHttpxClient(trust_env=False, event_hooks={"request": [count]}),
)


def error_of(call):
    """The exception of a call: its class and fields, and how many requests the client sent until it gave up."""
    before = sent
    try:
        call()
    except openai.APIError as error:
        return {
            "class": type(error).__name__,
            "status": getattr(error, "status_code", None),
            "code": error.code,
            "type": error.type,
            "param": error.param,
            "request_id": getattr(error, "request_id", None),
            "message": error.message,
            "sent": sent - before,
        }
    return {"class": None}


def ask(model, **fields):
    return client.chat.completions.create(model=model, messages=MESSAGES, **fields)


def chat():
    answer = ask("gpt-4o")
    return {
        "text": answer.choices[0].message.content,
        "finish_reason": answer.choices[0].finish_reason,
        "total_tokens": answer.usage.total_tokens,
        "request_id": answer._request_id,
    }


def stream(**fields):
    chunks = list(ask("gpt-4o", stream=True, **fields))
    return {
        "text": "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices),
        "finish_reasons": [one.finish_reason for chunk in chunks for one in chunk.choices if one.finish_reason],
        "usages": sum(chunk.usage is not None for chunk in chunks),
        "empty": sum(not chunk.choices for chunk in chunks),
    }


def stream_helper():
    with client.chat.completions.stream(model="gpt-4o", messages=MESSAGES) as events:
        return events.get_final_completion().choices[0].message.content


def tools():
    call = ask("gpt-4o", tools=[TOOL]).choices[0].message.tool_calls[0].function
    pieces = [
        piece.function.arguments
        for chunk in ask("gpt-4o", tools=[TOOL], stream=True)
        for piece in chunk.choices[0].delta.tool_calls or []
    ]
    return {"name": call.name, "whole": json.loads(call.arguments), "streamed": json.loads("".join(pieces))}


def completions():
    whole = client.completions.create(model=INSTRUCT, prompt="say this")
    tokens = client.completions.create(model=INSTRUCT, prompt=[[1], [2, 3]])
    parts = client.completions.create(model=INSTRUCT, prompt="say this", stream=True)
    return {
        "whole": whole.choices[0].text,
        "tokens": [choice.text for choice in tokens.choices],
        "streamed": "".join(chunk.choices[0].text for chunk in parts),
    }


def embeddings():
    fields = {"model": "text-embedding-3-small", "input": ["a", "b"], "dimensions": 4}
    decoded = client.embeddings.create(**fields)
    plain = client.embeddings.create(**fields, encoding_format="float")
    return {
        "count": len(decoded.data),
        "length": len(decoded.data[0].embedding),
        "largest_difference": max(
            abs(one - other)
            for left, right in zip(decoded.data, plain.data)
            for one, other in zip(left.embedding, right.embedding)
        ),
    }


def models():
    return {"listed": [model.id for model in client.models.list()], "one": client.models.retrieve("gpt-4").id}


def broken(model):
    """A stream that breaks: what had come until then, and the exception."""
    texts = []

    def read():
        for chunk in ask(model, stream=True):
            texts.append(chunk.choices[0].delta.content or "")

    return {"error": error_of(read), "text": "".join(texts)}


def abort():
    """Leaves a long stream after a few chunks; the time in ms since the epoch."""
    events = ask("gpt-mock-stream-100000", stream=True)
    for _, _ in zip(range(4), events):
        pass
    at = time.time() * 1000
    events.close()
    return at


seen = {
    "version": openai.__version__,
    "chat": chat(),
    "stream": stream(),
    "stream_with_usage": stream(stream_options={"include_usage": True}),
    "stream_helper": stream_helper(),
    "tools": tools(),
    "completions": completions(),
    "embeddings": embeddings(),
    "models": models(),
    "broken": {model: broken(model) for model in sys.argv[2].split(",")},
    "aborted_at": abort(),
}
# Some of these bench accounts: they come last.
seen["errors"] = {model: error_of(lambda: ask(model)) for model in sys.argv[3].split(",")}
print(json.dumps(seen))
