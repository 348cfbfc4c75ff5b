import type { Exit } from "../process/warded-process.ts";
import { type PostgresServer, type PostgresServerOptions, startPostgresServer } from "./server.ts";

/** A server that can be away for a while, as an RDS instance that is stopped: nothing listens on its port then. */
export type PausableServer = AsyncDisposable & {
  /** As it started; its port stays the same. */
  readonly server: PostgresServer;
  /** Settles when it has ended and nobody had paused it. */
  readonly exited: Promise<Exit>;
  /** Does nothing where it is paused already. */
  pause(): Promise<void>;
  /** Does nothing where it runs. @throws PosternError as `startPostgresServer`, also when its port is another's by now */
  resume(): Promise<void>;
};

/** Calls of `pause` and `resume` come one after the other: whoever makes them waits. */
export async function startPausableServer(options: PostgresServerOptions): Promise<PausableServer> {
  const server = await startPostgresServer(options);
  const exited = Promise.withResolvers<Exit>();
  let running: PostgresServer | undefined;
  let isOver = false;

  async function watch(started: PostgresServer): Promise<void> {
    running = started;
    const exit = await started.exited;
    // One that is paused is not the running one any more.
    if (running === started) exited.resolve(exit);
  }

  async function pause(): Promise<void> {
    const started = running;
    running = undefined;
    await started?.stop();
  }

  void watch(server);
  return {
    server,
    exited: exited.promise,
    pause,
    resume: async () => {
      if (running !== undefined || isOver) return;
      const { signal: _ofTheStart, ...again } = options;
      const started = await startPostgresServer({ ...again, port: server.port });
      if (isOver) await started.stop();
      else void watch(started);
    },
    [Symbol.asyncDispose]: async () => {
      isOver = true;
      await running?.stop();
    },
  };
}
