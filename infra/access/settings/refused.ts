/** Settings that nothing is made of. The message says everything that is wrong with them, for whoever wrote them. */
export class AccessSettingsRefused extends Error {
  override readonly name = "AccessSettingsRefused";
}
