import type { AdminParts } from "./admin.ts";
import { docsPage } from "./docs-page.ts";
import { type OpenApi, openApi } from "./openapi.ts";
import { type Route, type RouteAnswer, route } from "./route.ts";

/** What the routes are sorted into, in the order of the page. */
const GROUPS = {
  Statistics: "What was asked, what it saved and what it cost.",
  Entries: "What is stored: to be found, read, explained, pinned and deleted.",
  Cassettes: "Stored answers as text: to be moved, edited and kept in git.",
  Operation: "The process itself.",
  Description: "This API, described. Open to all, since it holds no data.",
};

/** The document of `routes` and of its own two, and the page that is made from it. */
export function docsRoutes(
  routes: readonly Route[],
  { version }: Pick<AdminParts, "version">,
): readonly Route[] {
  let made: { document: OpenApi; html: string } | undefined;
  // When it is first asked for: a start has better things to do.
  const all = () => {
    if (made !== undefined) return made;
    const document = openApi([...routes, ...own], { version, groups: GROUPS });
    made = { document, html: docsPage(document) };
    return made;
  };
  const page = (answer: RouteAnswer & { type: string }, facts: Pick<Route, "path" | "id" | "summary">) =>
    ({ ...facts, method: "GET", group: "Description", open: true, answer, errors: [] }) as const;
  const own: readonly Route[] = [
    route({
      ...page(
        { type: "application/json", description: "An OpenAPI 3.1 document." },
        { path: "/openapi.json", id: "getDocument", summary: "This document" },
      ),
      handle: async () => Response.json(all().document),
    }),
    route({
      ...page(
        { type: "text/html", description: "A page." },
        { path: "/docs", id: "getDocs", summary: "The same for people" },
      ),
      handle: async () =>
        new Response(all().html, {
          headers: {
            "content-type": "text/html; charset=utf-8",
            "content-security-policy":
              "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            "referrer-policy": "no-referrer",
          },
        }),
    }),
  ];
  return own;
}
