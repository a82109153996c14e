import litellm

hello = [{"role": "user", "content": "Say hello"}]
print(litellm.completion(model="openai/gpt-5-mini", messages=hello).choices[0].message.content)
