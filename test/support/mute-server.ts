import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Worker } from "node:worker_threads";

const script = `
  const { parentPort, workerData } = require("node:worker_threads");
  const { host, port, gate } = workerData;
  const server = require("node:net").createServer((socket) => socket.on("error", () => {}));
  server.listen({ host, port, backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    Atomics.wait(new Int32Array(gate), 0, 0);
  });
`;

/** So many in turn: on a busy machine a connect that would succeed may be late, too. */
const unansweredUntilFull = 3;

/**
 * A server whose thread stands still, with as many connections waiting as it takes: whoever else comes gets no answer until
 * `goOn`, and then when the system asks again, a second after the first time.
 */
export async function startMuteServer(host: string, port = 0) {
  const gate = new SharedArrayBuffer(4);
  const worker = new Worker(script, { eval: true, workerData: { host, port, gate } });
  const [listening] = (await once(worker, "message")) as [number];
  const goOn = () => {
    const word = new Int32Array(gate);
    Atomics.store(word, 0, 1);
    Atomics.notify(word, 0);
  };
  const waiting: Socket[] = [];
  for (let unanswered = 0; unanswered < unansweredUntilFull;) {
    const socket = connect(listening, host).on("error", () => {});
    waiting.push(socket);
    unanswered = (await isAnswered(socket)) ? 0 : unanswered + 1;
  }
  return {
    port: listening,
    goOn,
    async [Symbol.asyncDispose]() {
      for (const socket of waiting) socket.destroy();
      goOn();
      await worker.terminate();
    },
  };
}

async function isAnswered(socket: Socket): Promise<boolean> {
  await once(socket, "connect", { signal: AbortSignal.timeout(150) }).catch(() => {});
  // A timer that is late runs before what has come meanwhile.
  await nextTurn();
  await nextTurn();
  return !socket.connecting;
}
