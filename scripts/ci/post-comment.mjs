// A step of a workflow: one comment on the pull request, written anew each time.
//
// 1. Looks through the pull request's comments for the one that begins with the marker of `COMMENT` and is the workflow's own:
//    anybody may write the marker.
// 2. Replaces its text, or adds the comment where there is none.
//
// Plain JavaScript for the Node of the runner, so that the job which may write installs nothing.
import process from "node:process";

const {
  GITHUB_API_URL: api,
  GITHUB_REPOSITORY: repository,
  GITHUB_TOKEN: token,
  PULL_REQUEST: number,
  COMMENT: body = "",
} = process.env;
const marker = body.split("\n", 1)[0] ?? "";
const perPage = 100;

if (!/^<!-- .+ -->$/.test(marker)) throw new Error("COMMENT has to begin with a line that is its marker, <!-- … -->.");
const found = await findOwn();
await (found === undefined
  ? call("POST", `issues/${number}/comments`, { body })
  : call("PATCH", `issues/comments/${found}`, { body }));

/** @returns {Promise<number | undefined>} the comment's id */
async function findOwn() {
  for (let page = 1; ; page += 1) {
    const comments = await call("GET", `issues/${number}/comments?per_page=${perPage}&page=${page}`);
    const own = comments.find(
      (comment) => comment.user?.login === "github-actions[bot]" && comment.body.startsWith(marker),
    );
    if (own !== undefined || comments.length < perPage) return own?.id;
  }
}

/**
 * @param {string} method
 * @param {string} path below the repository
 * @param {object} [json]
 */
async function call(method, path, json) {
  const response = await fetch(`${api}/repos/${repository}/${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, accept: "application/vnd.github+json" },
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    signal: AbortSignal.timeout(30_000),
  });
  if (!response.ok) throw new Error(`${method} ${path}: GitHub answered ${response.status} ${response.statusText}.`);
  return response.json();
}
