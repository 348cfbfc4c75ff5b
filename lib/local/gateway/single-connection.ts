import type { Socket } from "node:net";
import type { PortForward, PortForwardOptions } from "./port-forward.ts";

/**
 * The basic mode, without multiplexing: the session's bytes are those of one connection. It is made at once. After the
 * client's flag DisconnectToPort, or when the port has closed, the next byte of the client makes a new one. The client
 * is not told that the port closed: the protocol has no word for it.
 */
export function createSingleConnection(options: PortForwardOptions): PortForward {
  const { dial, send, onDialFailed } = options;
  let socket: Socket | undefined;
  let isReading = true;
  let isDestroyed = false;

  function connect(): Socket {
    const dialled = dial();
    let isConnected = false;
    dialled.once("connect", () => {
      isConnected = true;
    });
    dialled.on("data", send);
    dialled.on("error", () => {
      if (!isConnected) onDialFailed();
    });
    dialled.once("close", () => {
      if (socket === dialled) socket = undefined;
    });
    if (!isReading) dialled.pause();
    return dialled;
  }

  socket = connect();
  return {
    receive: (bytes) => {
      if (isDestroyed) return undefined;
      const current = (socket ??= connect());
      if (current.write(bytes)) return undefined;
      return new Promise((resolve) => {
        current.once("drain", resolve).once("close", resolve);
      });
    },
    disconnect: () => {
      socket?.destroy();
      socket = undefined;
    },
    read: (reads) => {
      isReading = reads;
      if (reads) socket?.resume();
      else socket?.pause();
    },
    keepAlive: () => {},
    destroy: () => {
      isDestroyed = true;
      socket?.destroy();
      socket = undefined;
    },
    get openConnections() {
      return socket?.readyState === "open" ? 1 : 0;
    },
  };
}
