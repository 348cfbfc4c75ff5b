/**
 * What `sst dev` adds: a tab with the local stage, which is the same bundles on a PostgreSQL of their own.
 *
 * The deployed functions stay as they are: a runner whose code runs on a laptop would need the tunnel that it makes
 * needless, and would migrate a shared database with whatever is in the editor.
 */
export function declareDevTabs(): void {
  new sst.x.DevCommand("LocalStage", { dev: { title: "Local stage", command: "npm run local", autostart: true } });
}
