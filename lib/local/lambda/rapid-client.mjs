/**
 * Stands in for the native client of aws-lambda-ric, which takes a minute to compile: the same three calls over the
 * same HTTP API. The Lambda host loads it into every environment with `--import`, before the runtime client.
 *
 * JavaScript, not TypeScript: stripping types would add 35 ms to each cold start.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
 */
import { subscribe } from "node:diagnostics_channel";
import { Agent, request } from "node:http";
import { registerHooks } from "node:module";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";

const { LAMBDA_TASK_ROOT: taskRoot } = process.env;
const hooks = registerHooks({
  resolve(specifier, context, nextResolve) {
    if (specifier === "./rapid-client.node") return { url: import.meta.url, shortCircuit: true };
    // The runtime client imports the handler's path as if it were a URL, in which `%`, `#` and `?` mean something else.
    if (!specifier.startsWith(`${taskRoot}/`)) return nextResolve(specifier, context);
    hooks.deregister();
    return nextResolve(pathToFileURL(specifier).href, context);
  },
});

const { AWS_LAMBDA_RUNTIME_API: address, POSTERN_RUNTIME_SECRET: secret } = process.env;
delete process.env.POSTERN_RUNTIME_SECRET;
const [hostname, port] = address.split(":");
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
/** The native `done` and `error` block until the answer is posted; here the next `next` waits for it. */
let posted = Promise.resolve();

identify();
watchHost();

export async function next() {
  markLogs();
  await posted;
  const { headers, body } = await call("GET", "next");
  return { headers, bodyJson: body };
}

export function done(requestId, body) {
  posted = call("POST", `${requestId}/response`, body);
}

export function error(requestId, body) {
  posted = call("POST", `${requestId}/error`, body);
}

function call(method, path, payload) {
  const { promise, resolve, reject } = Promise.withResolvers();
  const headers = payload === undefined ? {} : { "content-type": "application/json" };
  const options = { hostname, port, method, path: `/2018-06-01/runtime/invocation/${path}`, headers, agent };
  request(options, (response) => {
    let body = "";
    response.setEncoding("utf8");
    response.on("data", (text) => (body += text));
    response.on("end", () => resolve({ headers: response.headers, body }));
    response.on("error", reject);
  })
    .on("error", reject)
    .end(payload);
  return promise;
}

/**
 * Gives every request to the runtime API the secret that it asks for. Some come from the runtime client itself (failed
 * loading, streamed responses), which knows no such thing; Node announces them all before they are sent.
 */
function identify() {
  subscribe("http.client.request.created", ({ request: created }) => {
    if (created.getHeader("host") === address) created.setHeader("postern-runtime-secret", secret);
  });
}

/** Tells the host that it has read all that this invocation logged: pipes and HTTP arrive in no particular order. */
function markLogs() {
  process.stdout.write("\0next\0");
  process.stderr.write("\0next\0");
}

/**
 * The host holds the other end of descriptor 3. When the host is gone, kill -9 included, this process goes too, even
 * from code that never yields; hence the thread, which adds about a millisecond to a cold start.
 */
function watchHost() {
  const watch = `
    const { Socket } = require("node:net");
    new Socket({ fd: 3 }).resume().on("error", () => {}).on("close", () => process.kill(process.pid, "SIGKILL"));
  `;
  new Worker(watch, { eval: true, env: {} }).unref();
}
