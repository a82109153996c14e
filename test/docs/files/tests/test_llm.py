import anthropic
import openai

HELLO = [{"role": "user", "content": "Say hello"}]


def test_openai():
    answer = openai.OpenAI().chat.completions.create(model="gpt-5-mini", messages=HELLO)
    assert "Answer" in answer.choices[0].message.content


def test_anthropic():
    asked = {"model": "claude-haiku-4-5", "max_tokens": 64, "messages": HELLO}
    assert "Answer" in anthropic.Anthropic().messages.create(**asked).content[0].text


def test_anthropic_stream():
    asked = {"model": "claude-haiku-4-5", "max_tokens": 64, "messages": HELLO}
    with anthropic.Anthropic().messages.stream(**asked) as stream:
        assert "Answer" in stream.get_final_text()
