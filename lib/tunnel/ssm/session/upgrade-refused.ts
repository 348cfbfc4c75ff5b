/** The upgrade was answered, with something else than a WebSocket. */
export class UpgradeRefused extends Error {
  readonly status: number;
  /** The server's clock, where it told. */
  readonly serverDate: string | undefined;

  constructor(status: number, serverDate: string | undefined) {
    super(`the upgrade was answered with HTTP ${status}`);
    this.name = "UpgradeRefused";
    this.status = status;
    this.serverDate = serverDate;
  }
}
