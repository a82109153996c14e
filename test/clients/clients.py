"""The Python clients of the matrix. Reads one JSON object a line, asks a client, answers one line.

First line out: the clients, as `test/clients/client.ts` describes one, with the names of their calls.
In:  {"id", "client", "base", "retries", "call", "question"}
Out: {"id", "value"} or {"id", "fault": {"class", "status", "text"}}
"""

import json
import os
import sys
import threading
from importlib.metadata import version

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import anthropic
import litellm
import openai
from google import genai

litellm.suppress_debug_info = True

MODEL = "m-1"
NAME = "get_weather"
ABOUT = "The weather of the next days"
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
}
CHAT_TOOLS = [{"type": "function", "function": {"name": NAME, "description": ABOUT, "parameters": SCHEMA}}]
RESPONSES_TOOLS = [
    {"type": "function", "name": NAME, "description": ABOUT, "parameters": SCHEMA, "strict": False}
]
ANTHROPIC_TOOLS = [{"name": NAME, "description": ABOUT, "input_schema": SCHEMA}]
GOOGLE_TOOLS = [
    {"function_declarations": [{"name": NAME, "description": ABOUT, "parameters_json_schema": SCHEMA}]}
]

environment = threading.Lock()


def with_variable(name, value, make):
    """Makes a client that reads its base URL from a variable, as a user who sets only that does."""
    with environment:
        os.environ[name] = value
        try:
            return make()
        finally:
            del os.environ[name]


def plain(value):
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.model_dump(mode="json")


def user(question):
    return [{"role": "user", "content": question}]


def openai_calls(base, retries):
    options = {} if retries else {"max_retries": 0}
    client = with_variable("OPENAI_BASE_URL", base, lambda: openai.OpenAI(api_key="sk-test", **options))

    def chat(question, **more):
        return client.chat.completions.create(model=MODEL, messages=user(question), **more)

    def responses(question, **more):
        return client.responses.create(model=MODEL, input=question, **more)

    return {
        "chat": lambda q: plain(chat(q)),
        "chat stream": lambda q: plain(list(chat(q, stream=True))),
        "chat tools": lambda q: plain(chat(q, tools=CHAT_TOOLS)),
        "chat tools stream": lambda q: plain(list(chat(q, tools=CHAT_TOOLS, stream=True))),
        "responses": lambda q: plain(responses(q)),
        "responses stream": lambda q: plain(list(responses(q, stream=True))),
        "responses tools": lambda q: plain(responses(q, tools=RESPONSES_TOOLS)),
        "responses tools stream": lambda q: plain(list(responses(q, tools=RESPONSES_TOOLS, stream=True))),
        "embeddings": lambda q: plain(client.embeddings.create(model="e-1", input=q)),
        "embeddings of two": lambda q: plain(client.embeddings.create(model="e-1", input=[q, q + "b"])),
    }


def anthropic_calls(base, retries):
    options = {} if retries else {"max_retries": 0}
    client = with_variable(
        "ANTHROPIC_BASE_URL", base, lambda: anthropic.Anthropic(api_key="sk-ant-test", **options)
    )

    def body(question, **more):
        return {"model": MODEL, "max_tokens": 64, "messages": user(question), **more}

    def final(question, **more):
        with client.messages.stream(**body(question, **more)) as stream:
            return stream.get_final_message()

    return {
        "messages": lambda q: plain(client.messages.create(**body(q))),
        "messages stream": lambda q: plain(list(client.messages.create(**body(q, stream=True)))),
        "messages tools": lambda q: plain(client.messages.create(**body(q, tools=ANTHROPIC_TOOLS))),
        "messages tools stream": lambda q: plain(final(q, tools=ANTHROPIC_TOOLS)),
    }


def google_calls(base, _retries):
    client = with_variable("GOOGLE_GEMINI_BASE_URL", base, lambda: genai.Client(api_key="AIza-test"))

    def bare(answer):
        # What it adds of the exchange itself is no part of the answer.
        return answer.model_dump(mode="json", exclude={"sdk_http_response"})

    def once(question, **config):
        return bare(client.models.generate_content(model=MODEL, contents=question, config=config))

    def stream(question, **config):
        parts = client.models.generate_content_stream(model=MODEL, contents=question, config=config)
        return [bare(part) for part in parts]

    return {
        "generate": lambda q: once(q),
        "generate stream": lambda q: stream(q),
        "generate tools": lambda q: once(q, tools=GOOGLE_TOOLS),
        "generate tools stream": lambda q: stream(q, tools=GOOGLE_TOOLS),
    }


def litellm_calls(prefix):
    def calls(base, retries):
        options = {} if retries else {"num_retries": 0, "max_retries": 0}

        def ask(question, **more):
            return litellm.completion(
                model=prefix + "/" + MODEL,
                api_base=base,
                api_key="k-test",
                messages=user(question),
                **options,
                **more,
            )

        def answer(part):
            # Ids and times are its own where the provider gives none.
            whole = part.model_dump(mode="json")
            choices = json.dumps(whole["choices"])
            for choice in whole["choices"]:
                said = choice.get("message") or choice.get("delta") or {}
                for call in said.get("tool_calls") or []:
                    choices = choices.replace(json.dumps(call.get("id")), '"id"')
            return {"choices": json.loads(choices), "usage": whole.get("usage"), "model": whole["model"]}

        return {
            "chat": lambda q: answer(ask(q)),
            "chat stream": lambda q: [answer(part) for part in ask(q, stream=True)],
            "chat tools": lambda q: answer(ask(q, tools=CHAT_TOOLS)),
            "chat tools stream": lambda q: [answer(part) for part in ask(q, tools=CHAT_TOOLS, stream=True)],
        }

    return calls


STAINLESS = {
    "400": "BadRequestError",
    "404": "NotFoundError",
    "424": "APIStatusError",
    "429": "RateLimitError",
    "502": "InternalServerError",
}
GOOGLE = {
    "400": "ClientError",
    "404": "ClientError",
    "424": "ClientError",
    "429": "ClientError",
    "502": "ServerError",
}
LITELLM = {
    "400": "BadRequestError",
    "404": "NotFoundError",
    "424": "APIError",
    "429": "RateLimitError",
    "502": "BadGatewayError",
}
# What it knows no class for is a broken connection to it.
LITELLM_ANTHROPIC = {**LITELLM, "424": "APIConnectionError"}
LITELLM_GOOGLE = {**LITELLM, "424": "APIConnectionError", "502": "APIConnectionError"}


def client(package, provider, bases, *, direct, errors, calls, name=None):
    return {
        "name": name or f"{package} (Python)",
        "version": version(package),
        "provider": provider,
        "bases": bases,
        "direct": direct,
        "errors": errors,
        "calls": calls,
    }


CLIENTS = [
    client("openai", "openai", ["/openai/v1", "/v1"], direct="/v1", errors=STAINLESS, calls=openai_calls),
    client("anthropic", "anthropic", ["/anthropic", ""], direct="", errors=STAINLESS, calls=anthropic_calls),
    client("google-genai", "google", ["/google", ""], direct="", errors=GOOGLE, calls=google_calls),
    client(
        "litellm",
        "openai",
        ["/openai/v1", "/v1"],
        direct="/v1",
        errors=LITELLM,
        calls=litellm_calls("openai"),
        name="litellm openai/ (Python)",
    ),
    client(
        "litellm",
        "anthropic",
        ["/anthropic", ""],
        direct="",
        errors=LITELLM_ANTHROPIC,
        calls=litellm_calls("anthropic"),
        name="litellm anthropic/ (Python)",
    ),
    client(
        "litellm",
        "google",
        ["/google"],
        direct="/v1beta",
        errors=LITELLM_GOOGLE,
        calls=litellm_calls("gemini"),
        name="litellm gemini/ (Python)",
    ),
]

output = threading.Lock()
making = threading.Lock()
made = {}


def tell(line):
    with output:
        print(json.dumps(line), flush=True)


def fault_of(error):
    if type(error).__name__ == "MidStreamFallbackError":
        error = error.original_exception
    status = getattr(error, "status_code", None) or getattr(error, "code", None)
    if isinstance(error, litellm.APIConnectionError):
        status = None  # Always 500, whatever came.
    text = f"{error} {getattr(error, 'body', '')}"
    return {"class": type(error).__name__, "status": status if isinstance(status, int) else None, "text": text}


def calls_of(name, base, retries):
    """One client for one base URL, as programs keep one."""
    with making:
        if (name, base, retries) not in made:
            of = next(each for each in CLIENTS if each["name"] == name)
            made[name, base, retries] = of["calls"](base, retries)
        return made[name, base, retries]


def answer(line):
    asked = json.loads(line)
    try:
        calls = calls_of(asked["client"], asked["base"], asked["retries"])
        tell({"id": asked["id"], "value": calls[asked["call"]](asked["question"])})
    except Exception as error:  # The test compares them: each is an answer.
        tell({"id": asked["id"], "fault": fault_of(error)})


def die(failed):
    """A thread that ends without its answer would leave the test waiting."""
    threading.__excepthook__(failed)
    os._exit(1)


def main():
    threading.excepthook = die
    told = [{**each, "calls": list(each["calls"]("http://127.0.0.1:9", False))} for each in CLIENTS]
    tell({"clients": told})
    for line in sys.stdin:
        threading.Thread(target=answer, args=(line,), daemon=True).start()


main()
