"""What a user's suite looks like: clients without any configuration of their own. Run by pytest, under `askonce run`."""

import os

import anthropic
import openai

PROMPT = os.environ.get("PROMPT", "Say hello to the world")
ASKED = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": PROMPT}]}


def test_openai_answers():
    answer = openai.OpenAI().chat.completions.create(**ASKED)
    assert "Answer" in answer.choices[0].message.content


def test_openai_streams():
    stream = openai.OpenAI().chat.completions.create(**ASKED, stream=True)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert "Answer" in text


def test_openai_lists_models():
    assert [model.id for model in openai.OpenAI().models.list()] == ["m-1"]


def test_anthropic_answers():
    answer = anthropic.Anthropic().messages.create(
        model="claude-haiku-4-5", max_tokens=64, messages=[{"role": "user", "content": PROMPT}]
    )
    assert "Answer" in answer.content[0].text


def test_anthropic_streams():
    asked = {"model": "claude-haiku-4-5", "max_tokens": 64, "messages": [{"role": "user", "content": PROMPT}]}
    with anthropic.Anthropic().messages.stream(**asked) as stream:
        assert "Answer" in stream.get_final_text()
