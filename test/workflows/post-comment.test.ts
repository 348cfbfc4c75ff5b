import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";

type Comment = { readonly id: number; body: string; readonly user: { readonly login: string } };

const script = join(import.meta.dirname, "../../scripts/ci/post-comment.mjs");
const marker = "<!-- postern-plan -->";
const workflow = { login: "github-actions[bot]" };

/** As much of GitHub as the script asks: comments of one pull request, by pages. */
async function startGitHub(comments: Comment[], status = 200) {
  const requests: string[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const { pathname, searchParams } = new URL(String(request.url), "http://github");
    const { body } = JSON.parse((await text(request)) || "{}") as { readonly body?: string };
    requests.push(`${request.method} ${pathname} ${request.headers.authorization}`);
    const [from, size] = [Number(searchParams.get("page")) - 1, Number(searchParams.get("per_page"))];
    if (request.method === "POST") comments.push({ id: 999, body: String(body), user: workflow });
    if (request.method === "PATCH") {
      const found = comments.find(({ id }) => pathname.endsWith(`/${id}`));
      if (found !== undefined) found.body = String(body);
    }
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(request.method === "GET" ? comments.slice(from * size, (from + 1) * size) : {}));
  };
  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    requests,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function post(url: string, COMMENT: string) {
  const env = {
    GITHUB_API_URL: url,
    GITHUB_REPOSITORY: "acme/shop",
    GITHUB_TOKEN: "token-x",
    PULL_REQUEST: "12",
    COMMENT,
  };
  const child = spawn(process.execPath, [script], { env, stdio: ["ignore", "pipe", "pipe"] });
  const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, "close")]);
  return { code: code as number, stderr };
}

test("the first time a comment is added, the next time it is written anew", async () => {
  const comments: Comment[] = [];
  await using github = await startGitHub(comments);
  expect(await post(github.url, `${marker}\none`)).toEqual({ code: 0, stderr: "" });
  expect(await post(github.url, `${marker}\ntwo`)).toEqual({ code: 0, stderr: "" });
  expect(comments).toEqual([{ id: 999, body: `${marker}\ntwo`, user: workflow }]);
  expect(github.requests.at(-1)).toBe("PATCH /repos/acme/shop/issues/comments/999 Bearer token-x");
});

test("its own comment is found behind a hundred others", async () => {
  const others = Array.from({ length: 230 }, (_, id) => ({ id, body: "hello", user: { login: "someone" } }));
  const comments: Comment[] = [...others, { id: 500, body: `${marker}\nold`, user: workflow }];
  await using github = await startGitHub(comments);
  await post(github.url, `${marker}\nnew`);
  expect(comments).toHaveLength(231);
  expect(comments.at(-1)?.body).toBe(`${marker}\nnew`);
});

test("a stranger's comment with the marker is left as it is", async () => {
  const comments: Comment[] = [{ id: 1, body: `${marker}\nmine`, user: { login: "someone" } }];
  await using github = await startGitHub(comments);
  await post(github.url, `${marker}\nplan`);
  expect(comments.map(({ id, body }) => [id, body])).toEqual([
    [1, `${marker}\nmine`],
    [999, `${marker}\nplan`],
  ]);
});

test("what GitHub refuses is told with its status and without the token", async () => {
  await using github = await startGitHub([], 403);
  const { code, stderr } = await post(github.url, `${marker}\nplan`);
  expect(code).toBe(1);
  expect(stderr).toContain("GitHub answered 403 Forbidden");
  expect(stderr).not.toContain("token-x");
});

test("a text without a marker is refused before anything is asked", async () => {
  await using github = await startGitHub([]);
  expect((await post(github.url, "plan")).code).toBe(1);
  expect(github.requests).toEqual([]);
});
