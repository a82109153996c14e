import assert from "node:assert/strict";
import { ProxyError } from "../../src/errors.ts";
import { providersFor, type Setting } from "../../src/providers/table.ts";
import { type Route, route } from "../../src/proxy/route.ts";

export const setting = (name: string, url: string, more: Partial<Setting> = {}): Setting => ({
  name,
  url,
  family: undefined,
  auth: undefined,
  ...more,
});

export interface Options {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly settings?: readonly Setting[];
  readonly defaultProvider?: string;
}

export function routed(path: string, options: Options = {}): Route {
  const { method = "POST", headers = {}, settings = [], defaultProvider = "openai" } = options;
  const url = new URL(`http://127.0.0.1:8181${path}`);
  return route(
    { method, url, headers: new Headers(headers) },
    { providers: providersFor(settings), defaultProvider },
  );
}

export function refused(path: string, options: Options = {}): ProxyError {
  try {
    const { url } = routed(path, options);
    assert.fail(`${path} went to ${url}`);
  } catch (error) {
    assert.ok(error instanceof ProxyError, String(error));
    return error;
  }
}

export const CHAT = "chat/completions";
